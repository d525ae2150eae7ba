package api

// Routes lists what the API serves, for the test against the document.
func (s *Server) Routes() []string {
	var out []string
	for _, r := range s.table {
		if !r.page {
			out = append(out, r.method+" "+r.path)
		}
	}
	return out
}

// Document is the contract, as /openapi.json shows it.
var Document = document
