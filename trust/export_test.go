package trust

// ParseAnew is ParseCertificate with nothing remembered.
func ParseAnew(der []byte) (*Certificate, error) { return parseCertificate(der, [32]byte{}) }
