package rest

// Login asks for a token.
type Login struct {
	Username string `json:"username"`
	Password string `json:"password"`
}

// Token answers Login.
type Token struct {
	AccessToken string `json:"access_token"`
	TokenType   string `json:"token_type"`
	ExpiresIn   int64  `json:"expires_in"` // seconds
}

// Me says who the API takes a caller for.
type Me struct {
	Username string `json:"username"`
	Role     string `json:"role"`
}

// Service names the program.
type Service struct {
	Name    string `json:"name"`
	Version string `json:"version"`
}

// Health answers the probes.
type Health struct {
	Status string `json:"status"`
}

// Problem is an error as RFC 9457 has it.
type Problem struct {
	Type   string         `json:"type"`
	Title  string         `json:"title"`
	Status int            `json:"status"`
	Detail string         `json:"detail"`
	Code   string         `json:"code"`
	Next   string         `json:"next,omitempty"` // what to do, if detail does not say it
	Errors []ProblemField `json:"errors,omitempty"`
}

// ProblemField points at one thing that is wrong in a request.
type ProblemField struct {
	Location string `json:"location"` // body.repository, query.limit
	Message  string `json:"message"`
}

// ProblemType is the media type of a Problem.
const ProblemType = "application/problem+json"
