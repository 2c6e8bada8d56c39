package cli

import (
	"github.com/urfave/cli/v2"

	"borgfleet/shared/term/cmdline"
)

func (k *controller) db() *cli.Command {
	return group("db", "the controller's own data: back it up, check the backup, restore it",
		k.dbBackup(),
		&cli.Command{
			Name: "verify", ArgsUsage: "FILE", Usage: "check that a backup is whole, and say what is in it",
			Description: "Every byte is covered by a checksum, and every record is read as the controller would. The exit status is 0 only for a backup that can be restored.",
			Flags:       []cli.Flag{cmdline.OutputFlag()}, Action: k.verifyBackup,
		},
		k.dbRestore(),
		&cli.Command{
			Name: "stats", Usage: "say what is in the running controller's store",
			Flags: socketFlags(), Action: k.dbStats,
		},
		&cli.Command{
			Name: "differences", Usage: "list the repositories that hosts keep otherwise than a restored controller",
			Description: "A controller that was restored from a backup does not know what was registered or changed since. It takes nothing away from the hosts: they go on with what they have until somebody decides with borgfleet-controller db settle.",
			Flags:       socketFlags(), Action: k.dbDifferences,
		},
		&cli.Command{
			Name: "settle", ArgsUsage: "AGENT REPOSITORY", Usage: "decide about one of the differences; REPOSITORY is its id",
			Description: "With --host the controller takes the host's definition over, with --controller the host gets the controller's, or loses a repository that the controller does not know. The backups in it are not touched.",
			Flags: append([]cli.Flag{
				&cli.BoolFlag{Name: "host", Usage: "what the host has counts"},
				&cli.BoolFlag{Name: "controller", Usage: "what the controller has counts"},
			}, socketFlags()...),
			Action: k.dbSettle,
		},
		&cli.Command{
			Name: "admit", ArgsUsage: "AGENT-ID", Usage: "let a host back in that enrolled after the backup this controller was restored from",
			Description: "Only if you know that it was not revoked since. The id stands in the refusal: in the controller's log, and in borgfleet-agent status on the host, which tries again within five minutes.",
			Flags:       socketFlags(), Action: k.dbAdmit,
		},
	)
}

// socketFlags are those of commands that only root on the controller's host may
// use.
func socketFlags() []cli.Flag { return []cli.Flag{dataDirFlag(), cmdline.OutputFlag()} }
