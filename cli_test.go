package main

import (
	"net/http"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"certlink/ukey/ukeytest"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"certlink": main})
}

// The scripts in testdata/cli are what an operator meets at the command line.
func TestCommandLine(t *testing.T) {
	testscript.Run(t, testscript.Params{Dir: "testdata/cli", Setup: func(e *testscript.Env) error {
		for _, name := range []string{"FIRST", "SECOND", "NOBODY"} {
			e.Setenv(name, ukeytest.FreePort(t))
		}
		return nil
	}, Cmds: map[string]func(*testscript.TestScript, bool, []string){
		// waitready ADDR waits until a server answers there.
		"waitready": func(ts *testscript.TestScript, _ bool, args []string) {
			for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
				if resp, err := http.Get("http://" + args[0] + "/readyz"); err == nil {
					resp.Body.Close()
					if resp.StatusCode == http.StatusOK {
						return
					}
				}
			}
			ts.Fatalf("nothing is ready at %s", args[0])
		},
	}})
}
