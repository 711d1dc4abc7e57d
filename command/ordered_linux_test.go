package command

const ordered = true
