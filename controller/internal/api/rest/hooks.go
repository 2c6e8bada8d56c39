package rest

// Hooks are programs that a backup runs on its host, by their base names.
type Hooks struct {
	Before    []string `json:"before"`
	After     []string `json:"after"`
	OnFailure []string `json:"on_failure"`
	OnWarning []string `json:"on_warning"`
	Always    []string `json:"always"`
}
