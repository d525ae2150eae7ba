package mobilecert

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"time"

	"certlink/confirm"
	"certlink/trust"
)

// The encryption certificate that lies beside the signing one on a token. The page
// finds it there and names it when it asks for the statement; the holder signs its
// fingerprint, so nobody puts another one in its place afterwards.

// ParamEncryption is the request's parameter that holds it: DER in base64.
const ParamEncryption = "encryption_certificate"

// PairDetails checks the encryption certificate of a request, where it names one, and
// puts it into the statement's details: it is for encryption, in its term, under the
// provider's anchors, and not revoked, as the provider's policy asks it. This is asked
// here and not again: a statement lives for minutes, and what is revoked later does not
// undo a binding, whose signing certificate answers for itself.
func (v *Certificates) PairDetails(ctx context.Context, r confirm.Request, provider string, details map[string]string) error {
	cert, err := named(r)
	if err != nil || cert == nil {
		return err
	}
	if err := v.checkPair(ctx, provider, cert); err != nil {
		return err
	}
	details["encryption_certificate"], details["encryption_serial"], details["encryption_subject_sha256"] = cert.Fingerprint(), cert.SerialHex(), subjectSum(cert)
	return nil
}

func (v *Certificates) checkPair(ctx context.Context, provider string, cert *trust.Certificate) error {
	policy, err := v.cfg.Catalogue.Policy(provider)
	if err != nil {
		return err
	}
	// A second's grace: whoever has just made it may have a clock before ours.
	_, err = policy.CheckEncryption(ctx, cert, nil, v.cfg.Clock().Add(time.Second), v.cfg.Revocation)
	if errors.Is(err, trust.ErrRevoked) {
		return ErrPairRevoked.Because(err)
	}
	return err
}

// PairRevoked says whether the certificate that data for a binding's account is encrypted
// to is known to be revoked. Its key decrypts all the same, so nothing is stopped by it:
// what cannot be learned is not told.
func (v *Certificates) PairRevoked(ctx context.Context, b *Binding) (bool, error) {
	cert, err := trust.ParseCertificate(b.Encryption)
	if err != nil {
		return false, err
	}
	return errors.Is(v.checkPair(ctx, b.Provider, cert), ErrPairRevoked), nil
}

func subjectSum(c *trust.Certificate) string {
	sum := sha256.Sum256(c.X.RawSubject)
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// named is the encryption certificate of a request, nil where there is none.
func named(r confirm.Request) (*trust.Certificate, error) {
	text := r.Params[ParamEncryption]
	if text == "" {
		return nil, nil
	}
	der, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, trust.ErrCertificate.Because(err)
	}
	return trust.ParseCertificate(der)
}

// CheckPair refuses a statement that names the encryption certificate of another holder
// than the signer: authorities make both of a pair for one subject.
func CheckPair(s *confirm.Statement, signer confirm.Signer) error {
	if sum := s.Details["encryption_subject_sha256"]; sum != "" && sum != subjectSum(signer.Certificate) {
		return ErrPairHolder
	}
	return nil
}

// TokenPair is what a binding remembers of the encryption certificate that the signed
// statement names; of a certificate issued here the record of its making says so too.
// Its DER is what data for the account is encrypted to; a certificate that does both is
// its own. Both are nil without one.
func (v *Certificates) TokenPair(ctx context.Context, a *confirm.Accepted) (*Bound, []byte, error) {
	cert, err := named(a.Request)
	if err != nil {
		return nil, nil, err
	}
	if cert == nil || cert.Fingerprint() != a.Statement.Details["encryption_certificate"] {
		if cert, err = v.TwinOf(ctx, a.Signer.Certificate); err != nil {
			return nil, nil, err
		}
	}
	if cert == nil {
		if own := a.Signer.Certificate; own.CanEncrypt() {
			return nil, own.Raw, nil
		}
		return nil, nil, nil
	}
	alg, err := cert.Algorithm()
	if err != nil {
		return nil, nil, err
	}
	who := a.Signer.Identity
	return &Bound{
		Fingerprint: cert.Fingerprint(), Content: cert.ContentID(), Serial: cert.SerialHex(), Subject: maskName(cert.Subject(), who),
		HolderName: who.PersonName, OrganisationName: who.OrganisationName, Algorithm: alg,
		NotBefore: cert.NotBefore().UTC(), NotAfter: cert.NotAfter().UTC(),
	}, cert.Raw, nil
}
