// Command pinentry answers as a person would in tests: it takes the oldest answer
// lying beside it, and writes down what its window showed.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// more is the title of a page that another one follows.
var more = regexp.MustCompile(`(?m)^SETTITLE .*\((1/[2-9]|2/[3-9]|3/[4-9])\)$`)

func main() {
	self, err := os.Executable()
	if err != nil {
		os.Exit(1)
	}
	var window strings.Builder
	fmt.Println("OK Pleased to meet you")
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() && len(lines.Bytes()) <= 1000 { // the real one goes away as silently
		command, argument, _ := strings.Cut(lines.Text(), " ")
		switch command {
		case "SETTITLE", "SETDESC", "SETERROR", "SETPROMPT", "SETOK", "SETCANCEL":
			text, err := url.PathUnescape(argument)
			if err != nil {
				fmt.Println("ERR 536871187 the line is malformed")
				continue
			}
			window.WriteString(command + " " + text + "\n")
			fmt.Println("OK")
		case "GETPIN", "CONFIRM":
			show(self, command+"\n"+window.String())
			if more.MatchString(window.String()) { // they read on
				fmt.Println("OK")
				window.Reset()
				continue
			}
			reply(command, answer(filepath.Dir(self)))
		case "BYE":
			fmt.Println("OK")
			return
		default:
			fmt.Println("OK")
		}
	}
}

// show writes down the window.
func show(self, text string) {
	f, err := os.OpenFile(self+".windows", os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		os.Exit(1)
	}
	f.WriteString(text + "\x00")
	f.Close()
}

type decision struct {
	PIN                  string
	Yes, Cancel, Forever bool
}

// answer waits for one; a person may take a while.
func answer(dir string) decision {
	for {
		files, _ := filepath.Glob(filepath.Join(dir, "*.answer"))
		if len(files) > 0 {
			raw, err := os.ReadFile(files[0])
			var d decision
			if err == nil && json.Unmarshal(raw, &d) == nil {
				os.Remove(files[0])
				return d
			}
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func reply(command string, d decision) {
	switch {
	case d.Forever:
		time.Sleep(time.Hour)
	case d.Cancel || command == "CONFIRM" && !d.Yes:
		fmt.Println("ERR 83886179 Operation cancelled <Pinentry>")
	case command == "CONFIRM":
		fmt.Println("OK")
	default:
		fmt.Printf("D %s\nOK\n", strings.ReplaceAll(d.PIN, "%", "%25"))
	}
}
