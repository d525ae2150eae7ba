//go:build !linux

package main

// harden has nothing to do here; vendors' processes write no cores on Unix.
func harden() {}

// terminal is where a pinentry without windows may ask: nowhere.
func terminal() string { return "" }
