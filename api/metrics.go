package api

import (
	"bytes"
	"crypto/subtle"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/expfmt"
)

// metrics count by route and by code of refusal, never by id.
type metrics struct {
	seconds  *prometheus.HistogramVec
	requests *prometheus.CounterVec
	refusals *prometheus.CounterVec
	none     *routeMetrics // requests that no route took
}

// routeMetrics are the counters of one route, looked up once.
type routeMetrics struct {
	method, route string
	all           *metrics
	seconds       prometheus.Observer
	classes       [6]prometheus.Counter
}

func newMetrics(r *prometheus.Registry, st *streams) *metrics {
	m := &metrics{
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "certlink_http_seconds", Help: "Time until an answer was ready, by route. Event streams count until they begin.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},
		}, []string{"method", "route"}),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "certlink_http_requests_total", Help: "Requests by route and class of status.",
		}, []string{"method", "route", "status"}),
		refusals: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "certlink_http_refusals_total", Help: "Refusals by route and code.",
		}, []string{"method", "route", "code"}),
	}
	r.MustRegister(m.seconds, m.requests, m.refusals,
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "certlink_event_streams", Help: "Pages that wait for events or in a long poll."},
			func() float64 { return float64(st.open()) }))
	m.none = m.of("(any)", "(none)")
	return m
}

func (m *metrics) of(method, route string) *routeMetrics {
	r := &routeMetrics{method: method, route: route, all: m, seconds: m.seconds.WithLabelValues(method, route)}
	for class := 1; class <= 5; class++ {
		r.classes[class] = m.requests.WithLabelValues(method, route, strconv.Itoa(class)+"xx")
	}
	return r
}

func (r *routeMetrics) observe(c *call, start time.Time) {
	r.seconds.Observe(time.Since(start).Seconds())
	if class := c.f.Response().StatusCode() / 100; class >= 1 && class <= 5 {
		r.classes[class].Inc()
	}
	if c.code != "" {
		r.all.refusals.WithLabelValues(r.method, r.route, c.code).Inc()
	}
}

// getMetrics is for the operator's collector: on this machine, or with the token.
func (s *Server) getMetrics(c *call) error {
	token, bearer := strings.CutPrefix(c.header(fiber.HeaderAuthorization), "Bearer ")
	switch {
	case s.MetricsToken != "" && bearer && subtle.ConstantTimeCompare([]byte(token), []byte(s.MetricsToken)) == 1:
	case s.MetricsToken == "" && peer(c.f).IsLoopback() && c.header(fiber.HeaderXForwardedFor) == "":
		// A proxy on this machine would make the whole world look like loopback; the
		// header gives it away.
	default:
		return ErrRoute
	}
	families, err := s.Registry.Gather()
	if err != nil {
		return err
	}
	var b bytes.Buffer
	format := expfmt.NewFormat(expfmt.TypeTextPlain)
	enc := expfmt.NewEncoder(&b, format)
	for _, f := range families {
		if err := enc.Encode(f); err != nil {
			return err
		}
	}
	c.f.Response().Header.SetContentType(string(format))
	c.f.Response().SetBodyRaw(b.Bytes())
	return nil
}

// getHealth says that the process answers; getReady that it can work.
func (s *Server) getHealth(c *call) error { return c.ok(map[string]string{"status": "ok"}) }

func (s *Server) getReady(c *call) error {
	if s.stopping.Load() {
		return ErrUnavailable
	}
	if err := s.Store.Ping(c.ctx); err != nil {
		return err
	}
	return c.ok(map[string]string{"status": "ok"})
}
