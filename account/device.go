package account

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/netip"
	"slices"
	"time"

	"certlink/internal/effect"
	"certlink/internal/seal"
	"certlink/store"
)

// Device is a registered phone: a key and what its owner calls it. Whose it is
// shows in the certificates that it collects, not here.
type Device struct {
	ID        string          `json:"id"` // RFC 7638 thumbprint, base64url
	JWK       json.RawMessage `json:"jwk"`
	Name      string          `json:"name"`
	Platform  string          `json:"platform,omitempty"`
	CreatedAt time.Time       `json:"created_at"`
	SeenAt    time.Time       `json:"seen_at,omitzero"` // to the hour; see Seen
	RevokedAt *time.Time      `json:"revoked_at,omitempty"`
	RevokedBy string          `json:"revoked_by,omitempty"`
	PIN       PINState        `json:"-"`
}

// PINState is what the phone shows about its PIN.
type PINState struct {
	Set       bool `json:"set"`
	TriesLeft int  `json:"tries_left"`
	Locked    bool `json:"locked"`
}

type storedDevice struct {
	Device
	Secret pin `json:"pin,omitzero"`
	effect.Owing
}

// clone copies what is changed in place.
func (d *storedDevice) clone() *storedDevice {
	c := *d
	c.Pending, c.Secret.Open = slices.Clone(d.Pending), slices.Clone(d.Secret.Open)
	return &c
}

func deviceRecord(s store.Store) store.Record[storedDevice] {
	return store.Record[storedDevice]{Store: s, Collection: devices, Memo: store.NewMemo(memoBytes, (*storedDevice).clone),
		ID: func(d *storedDevice) string { return d.ID },
		// The name is not indexed: nobody looks for a stranger's phone by name.
		Index: func(d *storedDevice) map[string]string {
			return map[string]string{seal.StaleIndex: devicePlaces.Keys(d), effect.Index: d.Place()}
		}}
}

func (s *Service) device(d *storedDevice) *Device {
	d.PIN = s.pinState(d)
	return &d.Device
}

func (d *storedDevice) happened(at time.Time, by, act string, note map[string]string) {
	data := map[string]string{"act": act, "object": "device", "id": d.ID, "by": by}
	maps.Copy(data, note)
	d.Owe(effect.New(effect.Audit, at, data))
}

// RegisterDevice registers a phone's key. It is anonymous, and the same key
// again gets the same device, so a lost answer costs nothing; only new keys
// count against the limits. from is the address that the request comes from. The caller
// has checked a proof by this key.
func (s *Service) RegisterDevice(ctx context.Context, from netip.Addr, jwk json.RawMessage, name, platform string) (*Device, error) {
	key, err := parseJWK(jwk)
	if err != nil {
		return nil, err
	}
	name, err = CleanName(name, maxDeviceName)
	if err != nil {
		return nil, ErrName.At("/name", "手机名称为 1 至 40 个字", "the phone's name: 1 to 40 characters")
	}
	platform, ok := cleanText(platform, maxDeviceName)
	if !ok {
		return nil, ErrName.At("/platform", "平台名称过长或含有特殊字符", "the platform is too long or holds invisible characters")
	}
	if d, err := s.Device(ctx, key.id); !errors.Is(err, ErrDeviceUnknown) {
		return d, err
	}
	if err := s.admitDevice(ctx, from); err != nil {
		return nil, err
	}
	d := &storedDevice{Device: Device{ID: key.id, JWK: key.canonical, Name: name, Platform: platform, CreatedAt: s.now()}}
	if err := s.devices.Create(ctx, d); errors.Is(err, store.ErrExists) {
		return s.Device(ctx, key.id)
	} else if err != nil {
		return nil, err
	}
	return s.device(d), nil
}

// Device reads a phone that may act.
func (s *Service) Device(ctx context.Context, deviceID string) (*Device, error) {
	d, err := s.FindDevice(ctx, deviceID)
	if err != nil {
		return nil, err
	}
	if d.RevokedAt != nil {
		return nil, ErrDeviceRevoked
	}
	return d, nil
}

// FindDevice reads a phone, revoked or not, for the operator.
func (s *Service) FindDevice(ctx context.Context, deviceID string) (*Device, error) {
	d, _, err := s.devices.Get(ctx, deviceID)
	if errors.Is(err, store.ErrNotFound) {
		return nil, ErrDeviceUnknown
	}
	if err != nil {
		return nil, err
	}
	return s.device(d), nil
}

// updateDevice changes a phone that may act.
func (s *Service) updateDevice(ctx context.Context, deviceID string, change func(*storedDevice) error) (*storedDevice, error) {
	d, err := s.devices.Update(ctx, deviceID, func(d *storedDevice) error {
		if d.RevokedAt != nil {
			return ErrDeviceRevoked
		}
		return change(d)
	})
	if errors.Is(err, store.ErrNotFound) {
		return nil, ErrDeviceUnknown
	}
	return d, err
}

// seenEach is how exactly it is known when a phone was last there: a write with each
// call would cost more than anybody wants to know.
const seenEach = time.Hour

// LastSeen is when the phone last proved itself, to the hour.
func (d *Device) LastSeen() time.Time {
	if d.SeenAt.After(d.CreatedAt) {
		return d.SeenAt
	}
	return d.CreatedAt
}

// Seen remembers that a phone was there.
func (s *Service) Seen(ctx context.Context, d *Device) error {
	now := s.now()
	if now.Sub(d.LastSeen()) < seenEach {
		return nil
	}
	_, err := s.updateDevice(ctx, d.ID, func(d *storedDevice) error {
		if now.Sub(d.LastSeen()) < seenEach {
			return store.ErrUnchanged // by another call at the same time
		}
		d.SeenAt = now
		return nil
	})
	return err
}

// RenameDevice changes what the owner calls the phone.
func (s *Service) RenameDevice(ctx context.Context, deviceID, name string) (*Device, error) {
	name, err := CleanName(name, maxDeviceName)
	if err != nil {
		return nil, ErrName.At("/name", "手机名称为 1 至 40 个字", "the phone's name: 1 to 40 characters")
	}
	d, err := s.updateDevice(ctx, deviceID, func(d *storedDevice) error {
		if d.Name == name {
			return store.ErrUnchanged
		}
		d.Name = name
		return nil
	})
	if err != nil {
		return nil, err
	}
	return s.device(d), nil
}

// RevokeDevice ends a phone for good, with the pepper of its PIN: whoever holds
// the lost phone can unwrap no key with it. by is the account that asked; of the
// holders, whose certificates are on it, all others are told. note is what the log
// keeps beside it. Repeating it changes nothing.
func (s *Service) RevokeDevice(ctx context.Context, deviceID, by string, holders []string, note map[string]string) (*Device, error) {
	d, err := s.devices.Update(ctx, deviceID, func(d *storedDevice) error {
		if d.RevokedAt != nil {
			return store.ErrUnchanged
		}
		now := s.now()
		d.RevokedAt, d.RevokedBy, d.Secret = &now, by, pin{}
		d.happened(now, by, "device.revoked", note)
		d.Owe(effect.New(effect.Webhook, now, map[string]string{"act": "device.revoked", "object": "device", "id": d.ID}))
		for _, holder := range holders {
			if holder != by {
				d.Owe(effect.New(effect.Push, now, map[string]string{"key": "device_revoked", "account": holder, "phone": d.ID}))
			}
		}
		return nil
	})
	if errors.Is(err, store.ErrNotFound) {
		return nil, ErrDeviceUnknown
	}
	if err != nil {
		return nil, err
	}
	return s.device(d), nil
}
