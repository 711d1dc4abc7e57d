package greet

// Bye takes leave.
func Bye(name string) string { return "Good-bye, " + name + "." }
