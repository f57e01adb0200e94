package tlsconf

import (
	"crypto/tls"
	"crypto/x509"
	"slices"
	"strings"

	"golang.org/x/sys/cpu"
)

// choice picks protocol and cipher for a client. crypto/tls knows only a range of protocols and an order of ciphers of its own, so
// it gets a configuration that leaves it the one choice that OpenSSL would have made.
type choice struct {
	base     *tls.Config
	versions []uint16
	ciphers  []uint16 // in our order
	suites   []uint16 // of TLS 1.3
	ours     bool     // our order decides
}

// forClient is a tls.Config's GetConfigForClient.
func (c *choice) forClient(hello *tls.ClientHelloInfo) (*tls.Config, error) {
	cfg := c.base.Clone()
	cfg.GetConfigForClient = nil
	version := uint16(0)
	for _, v := range hello.SupportedVersions {
		if v <= version || !slices.Contains(c.versions, v) {
			continue
		}
		if v == tls.VersionTLS13 && !slices.Contains(c.suites, suiteOf13(hello.CipherSuites)) {
			continue // crypto/tls would take one that may not be: an older protocol, then
		}
		version = v
	}
	if version == 0 {
		// There is none. What is left is refused by crypto/tls itself, so that the right alert tells the client.
		version = slices.Max(c.versions)
		if version == tls.VersionTLS13 && slices.Contains(hello.SupportedVersions, version) {
			cfg.MinVersion, cfg.MaxVersion, cfg.CipherSuites = tls.VersionTLS12, tls.VersionTLS12, []uint16{}
			return cfg, nil
		}
	}
	cfg.MinVersion, cfg.MaxVersion = version, version
	if version < tls.VersionTLS13 {
		if id := c.cipherFor(hello.CipherSuites, version); id != 0 {
			cfg.CipherSuites = []uint16{id}
		}
	}
	return cfg, nil
}

// cipherFor is the cipher of TLS 1.2 or older that both sides take and the certificate allows; 0: none.
func (c *choice) cipherFor(offered []uint16, version uint16) uint16 {
	first, second := offered, c.ciphers
	if c.ours {
		first, second = second, first
	}
	ecdsa := c.base.Certificates[0].Leaf.PublicKeyAlgorithm != x509.RSA
	for _, id := range first {
		if !slices.Contains(second, id) {
			continue
		}
		for i := range cipherTable {
			if k := &cipherTable[i]; k.id == id && k.has("ECDSA") == ecdsa && (version == tls.VersionTLS12 || !k.has("TLSv1.2")) {
				return id
			}
		}
	}
	return 0
}

// suiteOf13 is the cipher that crypto/tls takes in TLS 1.3 for a client that offers these; 0: none. It has one order for clients whose first
// cipher is AES-GCM, on machines with instructions for that, and one for all others. A wrong guess costs the connection, see Build.
func suiteOf13(offered []uint16) uint16 {
	order := []uint16{tls.TLS_CHACHA20_POLY1305_SHA256, tls.TLS_AES_128_GCM_SHA256, tls.TLS_AES_256_GCM_SHA384}
	if first := slices.IndexFunc(offered, known); first >= 0 && strings.Contains(tls.CipherSuiteName(offered[first]), "_GCM_") && fastAES {
		order = []uint16{tls.TLS_AES_128_GCM_SHA256, tls.TLS_AES_256_GCM_SHA384, tls.TLS_CHACHA20_POLY1305_SHA256}
	}
	for _, id := range order {
		if slices.Contains(offered, id) {
			return id
		}
	}
	return 0
}

// fastAES says whether the processor has what crypto/tls asks for before it prefers AES.
var fastAES = cpu.X86.HasAES && cpu.X86.HasPCLMULQDQ && cpu.X86.HasSSE41 && cpu.X86.HasSSSE3

// known says whether crypto/tls has a cipher.
func known(id uint16) bool { return !strings.HasPrefix(tls.CipherSuiteName(id), "0x") }
