package main

import (
	"testing"
	"time"
)

func TestPaidMarks(t *testing.T) {
	for days, want := range map[int]string{0: "", 1: "paid1", 2: "paid1", 3: "paid3", 13: "paid7", 14: "paid14", 20: "paid14", 21: "paid21", 29: "paid28"} {
		if got := paidMark(time.Duration(days)*24*time.Hour + time.Hour); got != want {
			t.Errorf("after %d days: %q, want %q", days, got, want)
		}
	}
}
