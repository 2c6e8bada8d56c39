package plan

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"borgfleet/controller/internal/client"
	"borgfleet/controller/internal/notify/deliver"
	"borgfleet/shared/definitions"
)

func (p *Plan) channels(f definitions.File, fleet Fleet, _ finder) error {
	for _, def := range f.Channels() {
		c, err := channel(def, fleet)
		if err != nil {
			return fmt.Errorf("channel %s: %w", def.Name, err)
		}
		p.Changes = append(p.Changes, c)
	}
	return nil
}

// channel says what is to be done about a channel.
func channel(def definitions.Channel, fleet Fleet) (Change, error) {
	c := Change{What: "channel", Name: def.Name, Action: Create, Secrets: def.Secrets()}
	want := wantedChannel(def)
	at := slices.IndexFunc(fleet.Channels, func(have Channel) bool { return have.Name == def.Name })
	if at < 0 {
		if def.Type == deliver.Webhook && def.Secret == nil {
			// One that REST makes up would be shown once, on whatever screen this runs.
			return c, errors.New("there is none of this name yet, and what it sends is signed: give secret: {file: PATH} or {env: NAME}, with what echo whsec_$(openssl rand -base64 32) prints; its receiver has the same")
		}
		c.Fields = want
		c.Fields["name"], c.Fields["type"] = def.Name, def.Type
		return c, nil
	}
	have := fleet.Channels[at]
	if have.Type != def.Type {
		return c, fmt.Errorf("it is of the type %s, which cannot become %s: give it another name, or delete that channel first", have.Type, def.Type)
	}
	c.ID, c.Action, c.Fields = have.ID, Unchanged, client.Fields{}
	set := have.Settings
	c.Differences = differences(client.Fields{
		"host": set.Host, "port": set.Port, "tls": set.TLS, "username": set.Username, "from": set.From, "to": set.To,
	}, want)
	for _, d := range c.Differences {
		c.Fields[d.Field] = want[d.Field]
	}
	given := map[string]bool{}
	for _, name := range set.Secrets {
		given[name] = true
	}
	c.secrets(def.Secrets(), given, fleet)
	return c, nil
}

// wantedChannel are the settings of a channel that are no secrets. What REST cannot
// take away is left alone where nothing is said.
func wantedChannel(def definitions.Channel) client.Fields {
	if def.Type != deliver.Mail {
		return client.Fields{}
	}
	tls := cmp.Or(def.TLS, deliver.StartTLS)
	f := client.Fields{"host": def.Host, "port": cmp.Or(def.Port, int64(deliver.UsualPort(tls))), "tls": tls, "from": def.From, "to": def.To}
	if def.Username != "" {
		f["username"] = def.Username
	}
	return f
}
