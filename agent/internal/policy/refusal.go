package policy

// Rule names what refused an order. The names are those of the keys in
// agent.yaml where there is one.
type Rule string

const (
	RuleRepositories Rule = "allow.repositories"
	RuleSources      Rule = "allow.sources"
	RuleMaintenance  Rule = "allow.maintenance"
	RuleDestinations Rule = "allow.destinations"
	RuleHooks        Rule = "allow.hooks"
	RulePing         Rule = "allow.ping"
	RuleRetention    Rule = "allow.retention_floor" // allow.all or not
	RuleSecrets      Rule = "allow.own_secrets"     // allow.all or not
	RuleRepository   Rule = "repository"            // no restore may write into one, allow.all or not
	RuleKind         Rule = "allow.all"             // what has no rule of its own
	RuleForm         Rule = "form"                  // no order may hold this, allow.all or not
	RuleState        Rule = "state directory"       // no order may touch this, allow.all or not
)

// Refusal is the host's no to an order.
type Refusal struct {
	Rule    Rule
	Message string // what is not allowed
	Command string // the command that would allow it, for the host's owner; empty: nothing does
}

func (r *Refusal) Error() string {
	text := "this host does not allow it (" + string(r.Rule) + "): " + r.Message
	switch {
	case r.Command != "":
		return text + "; its owner can allow it there with: " + r.Command
	case r.Rule == RuleRetention:
		return text + "; keep more, or have the owner ask for less"
	}
	return text + "; nothing on the host allows that: change what is asked for"
}
