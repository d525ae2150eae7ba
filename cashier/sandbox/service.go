package sandbox

import (
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"os"
	"sync"
	"time"

	"certlink/cashier"
	"certlink/internal/clock"
)

// Trade is one as the service knows it.
type Trade struct {
	ID          string             `json:"id"`
	AmountFen   int64              `json:"amount_fen"`
	Description string             `json:"description"`
	ExpiresAt   time.Time          `json:"expires_at"`
	State       cashier.TradeState `json:"state"`
	PaidAt      *time.Time         `json:"paid_at,omitempty"`
	Refunds     map[string]int64   `json:"refunds,omitempty"`
	// Due is when the notice of its end is sent, and sent again until it is taken.
	Due   *time.Time `json:"due,omitempty"`
	Tries int        `json:"tries,omitempty"`
}

// Config of a Service.
type Config struct {
	// File keeps the trades over a restart; "" keeps them in memory only.
	File      string
	NoticeURL string
	// PageURL is the address of the page for a trade, without its id.
	PageURL string
	Clock   clock.Clock
	Client  *http.Client // sends notices
}

// Service is the payment service. Its merchant is certlink.
type Service struct {
	cfg      Config
	key      ed25519.PrivateKey // signs answers and notices
	merchant ed25519.PrivateKey // signs what is asked; only its public half is used here

	mu     sync.Mutex
	trades map[string]*Trade
}

// New opens the service with fresh keys: both ends of the wire are in this process.
func New(c Config) (*Service, error) {
	if c.Client == nil {
		c.Client = &http.Client{Timeout: 5 * time.Second}
	}
	if c.Clock == nil {
		c.Clock = clock.System
	}
	s := &Service{cfg: c, trades: map[string]*Trade{}}
	var err error
	if _, s.key, err = ed25519.GenerateKey(nil); err != nil {
		return nil, err
	}
	if _, s.merchant, err = ed25519.GenerateKey(nil); err != nil {
		return nil, err
	}
	if c.File != "" {
		raw, err := os.ReadFile(c.File)
		if err == nil {
			err = json.Unmarshal(raw, &s.trades)
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
	}
	return s, nil
}

// keep writes the trades down, whole or not at all. The lock is held.
func (s *Service) keep() error {
	if s.cfg.File == "" {
		return nil
	}
	raw, err := json.Marshal(s.trades)
	if err != nil {
		return err
	}
	if err := os.WriteFile(s.cfg.File+".new", raw, 0o600); err != nil {
		return err
	}
	return os.Rename(s.cfg.File+".new", s.cfg.File)
}

// maxBody bounds what is read of a question, an answer or a notice.
const maxBody = 64 << 10

// ServeHTTP answers the merchant's questions.
func (s *Service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err == nil {
		err = verify(s.merchant.Public().(ed25519.PublicKey), s.cfg.Clock(), r.Header.Get(headerTime), r.Header.Get(headerSignature), r.Method+" "+r.URL.Path, body)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusUnauthorized)
		return
	}
	out, err := s.answer(r.URL.Path, body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	unix, signature := sign(s.key, s.cfg.Clock(), "answer "+r.URL.Path, out)
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set(headerTime, unix)
	w.Header().Set(headerSignature, signature)
	w.Write(out)
}

func (s *Service) answer(path string, body []byte) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out any
	switch path {
	case "/trade":
		var c cashier.Charge
		if err := json.Unmarshal(body, &c); err != nil {
			return nil, err
		}
		if s.trades[c.ID] == nil {
			s.trades[c.ID] = &Trade{ID: c.ID, AmountFen: c.AmountFen, Description: c.Description, ExpiresAt: c.ExpiresAt, State: cashier.TradeWaiting}
		}
		out = map[string]string{"code": s.cfg.PageURL + c.ID}
	case "/query", "/close":
		var id string
		if err := json.Unmarshal(body, &id); err != nil {
			return nil, err
		}
		t := s.trades[id]
		if t == nil {
			t = &Trade{ID: id, State: cashier.TradeClosed} // unknown: nobody has a code for it
		} else if t.State == cashier.TradeWaiting && (path == "/close" || !s.cfg.Clock().Before(t.ExpiresAt)) {
			t.State = cashier.TradeClosed
		}
		out = t.report()
	case "/refund":
		var r cashier.RefundOrder
		if err := json.Unmarshal(body, &r); err != nil {
			return nil, err
		}
		t := s.trades[r.Attempt]
		if t == nil || t.State != cashier.TradePaid {
			return nil, errors.New("there is no such payment")
		}
		if t.Refunds == nil {
			t.Refunds = map[string]int64{}
		}
		t.Refunds[r.ID] = r.AmountFen
		out = cashier.RefundReport{ID: r.ID, State: cashier.RefundDone}
	default:
		return nil, errors.New("there is no such question")
	}
	if err := s.keep(); err != nil {
		return nil, err
	}
	return json.Marshal(out)
}

func (t *Trade) report() *cashier.Trade {
	out := &cashier.Trade{ID: t.ID, State: t.State}
	if t.State == cashier.TradePaid {
		out.Payment = &cashier.Payment{Transaction: "sandbox-" + t.ID, AmountFen: t.AmountFen, Currency: cashier.Currency, At: *t.PaidAt}
	}
	return out
}
