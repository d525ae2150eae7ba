// Command portable tells whether everything compiles on the systems that it is given,
// GOOS/GOARCH each. It checks types from source, which finds what a compiler would and
// takes a tenth of its time.
package main

import (
	"fmt"
	"os"
	"strings"

	"golang.org/x/tools/go/packages"
)

func main() {
	failed := len(os.Args) < 2
	for _, system := range os.Args[1:] {
		goos, goarch, _ := strings.Cut(system, "/")
		all, err := packages.Load(&packages.Config{
			Mode: packages.LoadAllSyntax &^ packages.NeedTypesInfo,
			Env:  append(os.Environ(), "GOOS="+goos, "GOARCH="+goarch, "CGO_ENABLED=0"),
		}, "./...")
		if err == nil && len(all) < 2 {
			err = fmt.Errorf("there are no packages here")
		}
		if err != nil {
			fmt.Fprintf(os.Stderr, "%s: %v\n", system, err)
			failed = true
			continue
		}
		if packages.PrintErrors(all) > 0 {
			fmt.Fprintf(os.Stderr, "%s: does not compile\n", system)
			failed = true
		}
	}
	if failed {
		os.Exit(1)
	}
}
