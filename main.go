// Command certlink is the server: the portal, the phone app, and the API that
// binds certificates to accounts.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"

	"certlink/program"
)

type commands struct {
	Serve       serveCommand       `cmd:"" default:"withargs" help:"Run the server."`
	Admin       adminCommand       `cmd:"" help:"Make an operator or an organisation's admin."`
	Token       tokenCommand       `cmd:"" help:"Make an API token for an integrator."`
	Authority   authorityCommand   `cmd:"" help:"Make the private authority of this installation."`
	Certificate certificateCommand `cmd:"" help:"Revoke a certificate that was issued here."`
	Key         keyCommand         `cmd:"" help:"The keys that personal data is sealed with."`
	Health      healthCommand      `cmd:"" help:"Ask the running server whether it is well; for container health checks."`
	Version     versionCommand     `cmd:"" help:"Print the version."`
}

type versionCommand struct{}

func (versionCommand) Run() error {
	fmt.Println("certlink", program.Version)
	return nil
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var c commands
	k := kong.Parse(&c, kong.Name("certlink"), kong.UsageOnError(),
		kong.Description("certlink (证联): bind mobile certificates to accounts by scanning a QR code."),
		kong.BindTo(ctx, (*context.Context)(nil)))
	if err := k.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "certlink:", err)
		os.Exit(1)
	}
}
