//go:build unix && !darwin

package dialog

// System is the dialog of this system.
func System(pinentry, terminal string) Asker { return Pinentry{Path: pinentry, Terminal: terminal} }
