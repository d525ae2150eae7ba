package api_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"certlink/api"
	"certlink/internal/fault"
)

// contract is the OpenAPI document, ready to hold answers against.
type contract struct {
	doc     *openapi3.T
	router  routers.Router
	groups  map[string][]string
	schemas *schemas
}

var theContract = sync.OnceValue(func() *contract {
	raw, err := api.Document()
	if err != nil {
		panic(err)
	}
	c := new(contract)
	if c.doc, err = openapi3.NewLoader().LoadFromData(raw); err != nil {
		panic(err)
	}
	if err := c.doc.Validate(ctx); err != nil {
		panic(err)
	}
	if c.router, err = gorillamux.NewRouter(c.doc); err != nil {
		panic(err)
	}
	if err := extension(c.doc.Extensions, "x-code-groups", &c.groups); err != nil {
		panic(err)
	}
	if c.schemas, err = newSchemas(raw); err != nil {
		panic(err)
	}
	return c
})

// schemas compiles each schema of the document once. The library that holds requests and
// answers against the document would do it for every body, which was half of what these
// tests cost.
type schemas struct {
	mu       sync.Mutex
	compiler *jsonschema.Compiler
	of       map[*openapi3.SchemaRef]*jsonschema.Schema
}

const documentURL = "https://contract.test/openapi.json"

func newSchemas(document []byte) (*schemas, error) {
	whole, err := jsonschema.UnmarshalJSON(bytes.NewReader(document))
	if err != nil {
		return nil, err
	}
	s := &schemas{compiler: jsonschema.NewCompiler(), of: map[*openapi3.SchemaRef]*jsonschema.Schema{}}
	s.compiler.DefaultDraft(jsonschema.Draft2020)
	s.compiler.AssertFormat()
	return s, s.compiler.AddResource(documentURL, whole)
}

// conforms holds JSON against a schema.
func (s *schemas) conforms(ref *openapi3.SchemaRef, raw []byte) error {
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		return err
	}
	schema, err := s.compiled(ref)
	if err != nil {
		return err
	}
	return schema.Validate(v)
}

func (s *schemas) compiled(ref *openapi3.SchemaRef) (*jsonschema.Schema, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if schema := s.of[ref]; schema != nil {
		return schema, nil
	}
	raw, err := json.Marshal(ref)
	if err != nil {
		return nil, err
	}
	raw = bytes.ReplaceAll(raw, []byte(`"#/components/`), []byte(`"`+documentURL+`#/components/`))
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		return nil, err
	}
	url := fmt.Sprintf("https://contract.test/%d.json", len(s.of))
	if err := s.compiler.AddResource(url, v); err != nil {
		return nil, err
	}
	schema, err := s.compiler.Compile(url)
	if err == nil {
		s.of[ref] = schema
	}
	return schema, err
}

// body holds a body against what the document says of its kind.
func (s *schemas) body(content openapi3.Content, kind string, raw []byte) error {
	if len(content) == 0 {
		return nil
	}
	media := content.Get(kind)
	switch {
	case media == nil:
		return fmt.Errorf("the document does not know the content type %q here", kind)
	case media.Schema == nil || !strings.Contains(kind, "json"):
		return nil
	}
	return s.conforms(media.Schema, raw)
}

// TestTheContractRefuses: what every other test relies on.
func TestTheContractRefuses(t *testing.T) {
	c := theContract()
	op := func(path, method string) *openapi3.Operation { return c.doc.Paths.Find(path).GetOperation(method) }
	notice := op("/v1/extension-site/notice", "POST").RequestBody.Value.Content
	binding := op("/v1/bindings/{id}", "GET").Responses.Status(200).Value.Content
	for name, err := range map[string]error{
		"nothing that is asked for": c.conforms("Problem", []byte(`{}`)),
		"no JSON":                   c.conforms("Problem", []byte(`{"code":`)),
		"another kind":              c.schemas.body(notice, "text/plain", []byte(`{"renewal":"x"}`)),
		"another type":              c.schemas.body(notice, "application/json", []byte(`{"renewal":1}`)),
		"a schema behind a name":    c.schemas.body(binding, "application/json", []byte(`{"id":1}`)),
		"no time": c.schemas.conforms(openapi3.NewSchemaRef("", openapi3.NewDateTimeSchema()),
			[]byte(`"yesterday"`)),
	} {
		if err == nil {
			t.Errorf("%s is let through", name)
		}
	}
	if err := c.schemas.body(notice, "application/json; charset=utf-8", []byte(`{"renewal":"x"}`)); err != nil {
		t.Error(err)
	}
}

func extension(from map[string]any, name string, to any) error {
	raw, err := json.Marshal(from[name])
	if err != nil {
		return err
	}
	return json.Unmarshal(raw, to)
}

// checked is the transport of every test: no answer gets past it that is not as the
// document says.
type checked struct{ t testing.TB }

// wire keeps connections, but for tests that count them.
var wire = &http.Transport{MaxIdleConnsPerHost: 64, DisableCompression: true}

func (c checked) RoundTrip(req *http.Request) (*http.Response, error) {
	var sent []byte
	if req.Body != nil {
		sent, _ = io.ReadAll(req.Body)
		req.Body = io.NopCloser(bytes.NewReader(sent))
	}
	resp, err := wire.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	stream := strings.HasPrefix(resp.Header.Get("Content-Type"), "text/event-stream")
	var body []byte
	if !stream {
		if body, err = io.ReadAll(resp.Body); err != nil {
			return nil, err
		}
		resp.Body.Close()
		resp.Body = io.NopCloser(bytes.NewReader(body))
	}
	if req.Method == http.MethodHead {
		return resp, nil // the headers of GET, and nothing to look at
	}
	if err := theContract().check(req, sent, resp, body, stream); err != nil {
		c.t.Errorf("%s %s: %.300s\n%.800s", req.Method, req.URL.Path, err.Error(), body)
	}
	return resp, nil
}

func (c *contract) check(req *http.Request, sent []byte, resp *http.Response, body []byte, stream bool) error {
	if resp.Header.Get("X-Request-Id") == "" {
		return errors.New("no request id")
	}
	if resp.Header.Get("X-Content-Type-Options") != "nosniff" || resp.Header.Get("Content-Security-Policy") == "" {
		return errors.New("security headers are missing")
	}
	code := ""
	if resp.Header.Get("Content-Type") == "application/problem+json" {
		var err error
		if code, err = c.problem(resp, body); err != nil {
			return err
		}
	} else if resp.StatusCode >= 400 && !strings.HasPrefix(resp.Header.Get("Content-Type"), "text/") {
		return fmt.Errorf("status %d without a problem", resp.StatusCode)
	}
	failures(body)
	find := *req
	u := *req.URL
	find.URL = &u
	route, params, err := c.router.FindRoute(&find)
	if err != nil {
		if strings.HasPrefix(req.URL.Path, "/v1/") && code != "route_unknown" && code != "method_not_allowed" && req.Method != "OPTIONS" && code != "http_malformed" {
			return fmt.Errorf("not in the document: %w", err)
		}
		return nil
	}
	if strings.HasPrefix(req.URL.Path, "/v1/") && resp.Header.Get("Cache-Control") != "no-store" {
		return fmt.Errorf("Cache-Control: %q", resp.Header.Get("Cache-Control"))
	}
	if err := c.allowed(route.Operation, code); err != nil {
		return err
	}
	in := &openapi3filter.RequestValidationInput{Request: req, PathParams: params, Route: route, Options: &openapi3filter.Options{
		AuthenticationFunc: openapi3filter.NoopAuthenticationFunc, IncludeResponseStatus: true, MultiError: true,
		ExcludeRequestBody: true, ExcludeResponseBody: true,
	}}
	if resp.StatusCode < 300 {
		// What the server takes must be what the document says that it takes.
		if err := errors.Join(openapi3filter.ValidateRequest(ctx, in), c.taken(route.Operation, req, sent)); err != nil {
			return fmt.Errorf("taken, though not as documented: %w", err)
		}
	}
	out := &openapi3filter.ResponseValidationInput{RequestValidationInput: in, Status: resp.StatusCode, Header: resp.Header, Options: in.Options}
	if err := openapi3filter.ValidateResponse(ctx, out); err != nil || stream || resp.StatusCode == http.StatusNoContent {
		return err
	}
	described := route.Operation.Responses.Status(resp.StatusCode)
	if described == nil {
		described = route.Operation.Responses.Default()
	}
	return c.schemas.body(described.Value.Content, resp.Header.Get("Content-Type"), body)
}

// taken holds the body of a request that was taken against the document.
func (c *contract) taken(op *openapi3.Operation, req *http.Request, sent []byte) error {
	switch {
	case op.RequestBody == nil:
		return nil
	case len(sent) == 0 && op.RequestBody.Value.Required:
		return errors.New("without its body")
	case len(sent) == 0:
		return nil
	}
	return c.schemas.body(op.RequestBody.Value.Content, req.Header.Get("Content-Type"), sent)
}

// problem checks what every refusal must be, wherever it comes from.
func (c *contract) problem(resp *http.Response, body []byte) (string, error) {
	if err := unequalNames(body); err != nil {
		return "", err
	}
	var p struct {
		Type, Title, Code string
		Status            int
		ZH                string `json:"title_zh"`
		EN                string `json:"title_en"`
		RequestID         string `json:"request_id"`
	}
	if err := json.Unmarshal(body, &p); err != nil {
		return "", err
	}
	emitted.Store(p.Code, true)
	after, _ := strconv.Atoi(resp.Header.Get("Retry-After"))
	switch {
	case p.Type != "/docs/errors#"+p.Code || p.Status != resp.StatusCode:
		return "", errors.New("type or status are not as they should be")
	case p.RequestID != resp.Header.Get("X-Request-Id"):
		return "", errors.New("another request id in the header")
	case p.ZH == "" || p.EN == "" || p.Title != p.ZH && p.Title != p.EN:
		return "", errors.New("title is neither text")
	case resp.Header.Get("Content-Language") == "en" && p.Title != p.EN:
		return "", errors.New("title is not in its language")
	case (resp.StatusCode == 429 || resp.StatusCode == 503) && after < 1:
		return "", errors.New("no Retry-After")
	case resp.StatusCode == 401 && resp.Header.Get("WWW-Authenticate") == "":
		return "", errors.New("no WWW-Authenticate")
	case resp.Header.Get("Cache-Control") != "no-store":
		return "", errors.New("a refusal may be stored")
	}
	return p.Code, c.conforms("Problem", body)
}

// allowed holds a code against those that the operation says it answers with.
func (c *contract) allowed(op *openapi3.Operation, code string) error {
	if code == "" {
		return nil
	}
	var codes, groups []string
	if err := errors.Join(extension(op.Extensions, "x-codes", &codes), extension(op.Extensions, "x-code-groups", &groups)); err != nil {
		return err
	}
	for _, g := range groups {
		codes = append(codes, c.groups[g]...)
	}
	if !slices.Contains(codes, code) {
		return fmt.Errorf("the document does not say that %s answers with %s", op.OperationID, code)
	}
	return nil
}

// conforms holds a value against a schema of the document.
func (c *contract) conforms(name string, raw []byte) error {
	return c.schemas.conforms(c.doc.Components.Schemas[name], raw)
}

// unequalNames refuses JSON in which a name stands twice in an object.
func unequalNames(raw []byte) error {
	d := json.NewDecoder(bytes.NewReader(raw))
	var value func() error
	value = func() error {
		tok, err := d.Token()
		if err != nil {
			return err
		}
		switch tok {
		case json.Delim('{'):
			seen := map[string]bool{}
			for d.More() {
				k, err := d.Token()
				if err != nil {
					return err
				}
				if seen[k.(string)] {
					return fmt.Errorf("%q stands twice", k)
				}
				seen[k.(string)] = true
				if err := value(); err != nil {
					return err
				}
			}
			_, err = d.Token()
		case json.Delim('['):
			for d.More() {
				if err := value(); err != nil {
					return err
				}
			}
			_, err = d.Token()
		}
		return err
	}
	return value()
}

// emitted is every code that any answer has carried, as a refusal or as the
// failure of a session.
var emitted sync.Map

func failures(body []byte) {
	var s struct {
		Failure *struct{ Code string }
		Reason  *struct{ Code string }
		Items   []struct {
			Failure *struct{ Code string }
			Error   *struct{ Code string }
		}
	}
	if json.Unmarshal(body, &s) != nil {
		return
	}
	if s.Failure != nil {
		emitted.Store(s.Failure.Code, true)
	}
	if s.Reason != nil {
		emitted.Store(s.Reason.Code, true)
	}
	for _, i := range s.Items {
		if i.Error != nil {
			emitted.Store(i.Error.Code, true)
		}
	}
}

// never are the codes that no request can bring about, each with the reason.
var never = map[string]string{
	"identifier_rule_invalid":      "a mistake in the catalogue file, found at the start",
	"trust_anchors_invalid":        "a mistake in the catalogue's anchors, found at the start",
	"certificate_declined":         "an enrolment that is repeated after days finds its request declined",
	"certificate_extended_already": "an extension is made by the purpose that asks for it",
	"certificate_known":            "a certificate made elsewhere is recorded by the act that brings it",
	"token_unknown":                "API tokens are made and revoked at the command line",
	"purpose_not_allowed":          "declared for purposes to come; bind and enroll have more particular refusals",
	"authority_unavailable":        "an authority that cannot sign just now leaves the session accepted, and the act is tried again (TestIssuing)",
	"device_key_refused":           "a proof by such a key is refused before it can be registered, as dpop_invalid",
	"password_not_here":            "only a session cookie may change a password, and only who has a password gets one",
	"typed_code_not_allowed":       "for the purpose login, which does not exist yet",
	"prompt_by_scan":               "only asked of providers whose identity check is off, and those issue nothing here (TestWhatNeedsDigitsIsNotSent)",
	"prompts_too_many":             "what pages can ask for collapses, so no page fills a phone's queue; renewals could",
	"extension_under_way":          "an extension is under way for as long as the issuer takes (TestASecondStatementTakesOver)",
	"issue_request_invalid":        "a defect of ours: what is certified has been checked before the statement was made",
}

// emittedAll fails the whole run if some code was never seen; a part of the tests
// cannot tell.
func emittedAll() int {
	for _, name := range []string{"test.run", "test.skip", "test.fuzz", "test.list", "test.bench"} {
		if f := flag.Lookup(name); f != nil && f.Value.String() != "" {
			return 0
		}
	}
	if testing.Short() {
		return 0
	}
	bad := 0
	for _, f := range fault.All() {
		_, seen := emitted.Load(f.Code)
		switch why := never[f.Code]; {
		case !seen && why == "":
			fmt.Printf("no test has the code %s emitted over HTTP\n", f.Code)
			bad = 1
		case seen && why != "":
			fmt.Printf("the code %s is emitted after all; it was to be never, because: %s\n", f.Code, why)
			bad = 1
		}
	}
	return bad
}
