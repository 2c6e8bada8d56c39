package cli

import (
	"context"
	"fmt"
	"slices"

	"github.com/urfave/cli/v2"

	"borgfleet/controller/internal/client"
	"borgfleet/controller/internal/plan"
	"borgfleet/shared/definitions"
	"borgfleet/shared/term/cmdline"
)

// applyPlan is a plan with all that is shown and asked of it, and that it needs to be
// carried out.
type applyPlan struct {
	plan.Plan
	secrets    *definedSecrets
	uncompared []uncompared
	recovery   string  // key that passphrases are sealed to besides; empty: there is none
	unknown    []named // keys that are not known here
}

// prepareApply finds out what is to be done. It changes nothing.
func (k *controller) prepareApply(ctx context.Context, c *cli.Context, cl *client.Client, file definitions.File, folder string) (p applyPlan, err error) {
	fleet, err := fleetFor(ctx, cl, file)
	if err != nil {
		return p, err
	}
	p.secrets = &definedSecrets{k: k, folder: folder, read: map[definitions.Secret]string{}}
	if p.uncompared, err = p.secrets.compare(ctx, cl, file, &fleet); err != nil {
		return p, err
	}
	if p.Plan, err = plan.Make(file, fleet); err != nil {
		return p, cmdline.Usagef("%w", err)
	}
	if p.recovery, err = recoveryFor(ctx, cl, p.Plan); err != nil {
		return p, err
	}
	p.unknown, err = newKeys(c, p.Plan, p.recovery)
	return p, err
}

// recoveryFor is the recovery key that passphrases are sealed to besides; empty:
// there are none. It is asked for once, so that what is sealed to is what was shown.
func recoveryFor(ctx context.Context, cl *client.Client, p plan.Plan) (string, error) {
	if !slices.ContainsFunc(p.Changes, seals) {
		return "", nil
	}
	key, err := cl.RecoveryKey(ctx)
	return key.Recipient, err
}

// rehearse says what apply would refuse, and else that it would change something. The
// secrets are read for that, and go nowhere.
func (p applyPlan) rehearse() error {
	if err := p.secrets.all(p.Plan); err != nil {
		return &cmdline.Error{Code: cmdline.ExitFailed, Err: fmt.Errorf("apply would refuse this:\n%w", err)}
	}
	return cmdline.Silently(cmdline.ExitDifferent)
}

// agreeTo has a person say yes, or --yes, to what was shown, its keys too.
func (k *controller) agreeTo(c *cli.Context, p applyPlan) error {
	if err := k.refuseUnasked(c, p); err != nil {
		return err
	}
	// Before anything is asked or done: a secret that is missing would leave half of
	// it undone.
	if err := p.secrets.all(p.Plan); err != nil {
		return err
	}
	if err := cmdline.Confirm(c, k.in, k.err, planText(p.Plan)+keysText(p.unknown), "apply"); err != nil {
		return err
	}
	return k.acceptKeys(c, p.unknown)
}
