package cli

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"strings"

	"borgfleet/controller/internal/client"
	"borgfleet/controller/internal/plan"
	"borgfleet/shared/definitions"
	"borgfleet/shared/term/cmdline"
)

// definedSecrets are those that definitions in a folder name, each read once.
type definedSecrets struct {
	k      *controller
	folder string
	read   map[definitions.Secret]string
}

// uncompared is a secret of something that is there, of which the file names a place
// where nothing is. It stays as it is.
type uncompared struct {
	What  string `json:"what"`
	Name  string `json:"name"`
	Field string `json:"field"`
}

// get reads one; what says what it is.
func (d *definedSecrets) get(s definitions.Secret, what string) (string, error) {
	if v, ok := d.read[s]; ok {
		return v, nil
	}
	line, err := d.k.definedSecret(s, d.folder, what)
	if err != nil {
		return "", err
	}
	d.read[s] = string(line)
	return d.read[s], nil
}

// missing says whether there is nothing where a secret should be.
func (d *definedSecrets) missing(s definitions.Secret) bool {
	if s.Env != "" {
		_, there := os.LookupEnv(s.Env)
		return !there
	}
	_, err := os.Stat(s.FileFrom(d.folder))
	return errors.Is(err, fs.ErrNotExist) && s.File != "-"
}

// compare finds out which secrets of what is there are other ones than the file's.
// None is sent: a plan that is only looked at gives nothing away.
func (d *definedSecrets) compare(ctx context.Context, cl *client.Client, file definitions.File, fleet *plan.Fleet) (left []uncompared, err error) {
	fleet.Other = map[plan.Subject][]string{}
	one := func(subject plan.Subject, secrets map[string]definitions.Secret, ask func(map[string]string) ([]string, error)) error {
		values := map[string]string{}
		for _, field := range sortedFields(secrets) {
			if d.missing(secrets[field]) {
				left = append(left, uncompared{subject.What, subject.Name, field})
				continue
			}
			if values[field], err = d.get(secrets[field], field); err != nil {
				// Not wrapped: that a file cannot be read says nothing of the controller.
				return cmdline.Usagef("%s %s: %v", subject.What, subject.Name, err)
			}
		}
		if len(values) == 0 {
			return nil
		}
		fleet.Other[subject], err = ask(values)
		return err
	}
	for _, def := range file.Channels() {
		for _, c := range fleet.Channels {
			if c.Name != def.Name || c.Type != def.Type {
				continue
			}
			err := one(plan.Subject{What: "channel", Name: c.Name}, def.Secrets(), func(v map[string]string) ([]string, error) { return cl.CompareChannel(ctx, c.ID, v) })
			if err != nil {
				return nil, err
			}
		}
	}
	ids := map[string]int64{}
	for _, f := range fleet.Schedules {
		name, _ := f["name"].(string)
		id, _ := f["id"].(float64)
		ids[name] = int64(id)
	}
	for _, def := range file.Schedules {
		id, there := ids[def.Name]
		if !there || def.PingURL == nil {
			continue
		}
		err := one(plan.Subject{What: "schedule", Name: def.Name}, def.Secrets(), func(v map[string]string) ([]string, error) { return cl.CompareSchedule(ctx, id, v) })
		if err != nil {
			return nil, err
		}
	}
	return left, nil
}

// all reads what a plan is going to send, before anything is done: one that is missing
// would leave half of it undone. All that is wrong is said at once.
func (d *definedSecrets) all(p plan.Plan) error {
	var bad []string
	for _, c := range p.Changes {
		secrets := c.Secrets
		if seals(c) {
			secrets = map[string]definitions.Secret{"passphrase": *c.Repository.Passphrase}
		}
		if c.Action == plan.Unchanged {
			continue
		}
		for _, field := range sortedFields(secrets) {
			if _, err := d.get(secrets[field], field); err != nil {
				bad = append(bad, title(c)+": "+err.Error())
			}
		}
	}
	if len(bad) == 0 {
		return nil
	}
	// Not wrapped: that a file is missing says nothing of the controller.
	return cmdline.Usagef("%s", strings.Join(bad, "\n"))
}
