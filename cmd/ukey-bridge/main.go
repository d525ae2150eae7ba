// Command ukey-bridge lets portals in a browser use the U-Keys of this machine.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"syscall"

	"github.com/alecthomas/kong"

	"certlink/ukey/apart"
	"certlink/ukey/bridge"
	"certlink/ukey/dialog"
	"certlink/ukey/profile"
)

// version is set by the release build.
var version = "0.1.0"

// childArgument makes this program the process that vendors' code runs in.
const childArgument = "library-process"

type options struct {
	Config  string           `type:"path" help:"Configuration by the administrator (JSON). Default: the one of this machine."`
	State   string           `type:"path" help:"Directory for pairings and the audit file. Default: the user's own."`
	Demo    string           `placeholder:"ORIGIN" help:"Show a software token for the certlink demo server at this origin, such as http://127.0.0.1:8080. Never for real certificates."`
	Version kong.VersionFlag `help:"Print the version."`
}

func main() {
	if len(os.Args) == 2 && os.Args[1] == childArgument {
		apart.Main()
	}
	var o options
	kong.Parse(&o, kong.Name("ukey-bridge"), kong.Description("Lets portals in a browser use the U-Keys of this machine."), kong.Vars{"version": "ukey-bridge " + version})
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := o.run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "ukey-bridge:", err)
		os.Exit(1)
	}
}

// run serves until ctx ends.
func (o *options) run(ctx context.Context) error {
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	terminal := terminal()
	harden()
	state, err := o.state()
	if err != nil {
		return err
	}
	c, err := o.load()
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	child := func() *exec.Cmd { return exec.Command(self, childArgument) }
	var libraries []bridge.Library
	for i := range c.Profiles {
		libraries = append(libraries, bridge.Library{Profile: &c.Profiles[i], Module: apart.New(child, &c.Profiles[i], apart.DefaultDeadlines())})
	}
	if o.Demo != "" {
		file, err := demoTokens(ctx, o.Demo, filepath.Join(state, "demo"))
		if err != nil {
			return err
		}
		go renewed(ctx, o.Demo, file, log)
		libraries = append(libraries, bridge.Library{Profile: &demoProfile, Module: apart.NewSoft(child, file, apart.DefaultDeadlines())})
	}
	defer func() {
		for _, l := range libraries {
			l.Module.Close()
		}
	}()
	pairs, err := bridge.OpenPairs(filepath.Join(state, "pairs.json"))
	if err != nil {
		return fmt.Errorf("the pairings cannot be read; delete the file to pair anew: %w", err)
	}
	if c.Audit == "" {
		c.Audit = filepath.Join(state, "audit.log")
	}
	audit, err := bridge.OpenAudit(c.Audit)
	if err != nil {
		return fmt.Errorf("the audit file cannot be written: %w", err)
	}
	defer audit.Close()
	service := bridge.New(bridge.Config{Version: version, Origins: c.Origins, Libraries: libraries,
		Ask: dialog.System(c.Pinentry, terminal), Pairs: pairs, Audit: audit, Log: log})
	ln, err := bridge.Listen(c.Listen)
	if err != nil {
		return fmt.Errorf("cannot listen on %s; perhaps the bridge is running already: %w", c.Listen, err)
	}
	srv := service.Server(ln.Addr().String())
	log.Info("the bridge is ready", "version", version, "listen", ln.Addr().String(), "origins", c.Origins, "libraries", len(libraries), "audit", c.Audit)
	served := make(chan error, 1)
	go func() { served <- srv.Serve(ln) }()
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
		bridge.Shutdown(ctx, srv)
		return nil
	}
}

// state is where this user's pairings lie.
func (o *options) state() (string, error) {
	if o.State != "" {
		return o.State, nil
	}
	dir, err := os.UserConfigDir()
	if err != nil {
		return "", fmt.Errorf("name a directory with --state: %w", err)
	}
	return filepath.Join(dir, "certlink-bridge"), nil
}

// machineConfig is where an administrator puts the configuration.
func machineConfig() string {
	switch runtime.GOOS {
	case "windows":
		return filepath.Join(os.Getenv("ProgramData"), "certlink", "bridge.json")
	case "darwin":
		return "/Library/Application Support/certlink/bridge.json"
	}
	return "/etc/certlink/bridge.json"
}

// load reads the configuration. For a demonstration none is needed.
func (o *options) load() (*profile.Config, error) {
	path := o.Config
	if path == "" {
		path = machineConfig()
	}
	raw, err := os.ReadFile(path)
	c := &profile.Config{Listen: profile.DefaultListen}
	switch {
	case errors.Is(err, os.ErrNotExist) && o.Demo != "" && o.Config == "":
	case errors.Is(err, os.ErrNotExist):
		return nil, fmt.Errorf("there is no configuration at %s; docs/bridge.md says what goes into it", path)
	case err != nil:
		return nil, err
	default:
		if err := guarded(path); err != nil {
			return nil, err
		}
		if c, err = profile.Parse(raw); err != nil {
			return nil, fmt.Errorf("%s:\n%w", path, err)
		}
	}
	if o.Demo != "" {
		if problem := profile.CheckOrigin(o.Demo); problem != "" {
			return nil, fmt.Errorf("--demo %s: it %s", o.Demo, problem)
		}
		c.Origins = append(c.Origins, o.Demo)
	}
	return c, nil
}

// guarded refuses a configuration that others could have written: it says which code
// is loaded, and who may ask for signatures.
func guarded(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o022 != 0 {
		return fmt.Errorf("others may write to %s; run chmod go-w on it", path)
	}
	return nil
}
