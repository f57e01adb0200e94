package tlsconf

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"frankenredis/conformance/testbed"
)

func names(ids []uint16) string {
	var out []string
	for _, id := range ids {
		for _, c := range cipherTable {
			if c.id == id {
				out = append(out, c.name)
			}
		}
	}
	return strings.Join(out, ":")
}

// What a cipher list means is what OpenSSL makes of it, as far as both have the ciphers.
func TestCipherListsAreOpenSSLs(t *testing.T) {
	openssl := testbed.Peer(t, "openssl")
	for _, list := range []string{
		"DEFAULT", "HIGH", "ALL", "ECDHE", "ECDHE+AESGCM", "AES128-SHA256:AES256-SHA", "DEFAULT:!AES128-SHA256", "HIGH:!aRSA", "DEFAULT:-SHA1",
		"kRSA", "RSA", "CHACHA20:AES256", "ECDHE-RSA-AES128-GCM-SHA256 AES128-SHA", "ALL:+kRSA", "AESGCM:+AES128", "SHA384,SHA256", "TLSv1.2",
		"AES:!ECDHE:AES128", "DEFAULT:NOSUCH", "aECDSA", "ECDHE-RSA-AES128-SHA:!SHA1:AES128-GCM-SHA256", "@SECLEVEL=1:AES128-SHA",
	} {
		text, err := exec.Command(openssl, "ciphers", "-s", "-tls1_2", list).Output()
		if err != nil {
			t.Fatalf("openssl ciphers %s: %v", list, err)
		}
		var want []string
		for _, name := range strings.Split(strings.TrimSpace(string(text)), ":") {
			if slices.ContainsFunc(cipherTable, func(c cipherInfo) bool { return c.name == name }) {
				want = append(want, name)
			}
		}
		ids, err := parseCiphers(list)
		if err != nil {
			t.Errorf("%s: %v", list, err)
		}
		got := strings.Split(names(ids), ":")
		// The set only: within a word OpenSSL orders by strength, over all that it knows.
		if a, b := slices.Sorted(slices.Values(got)), slices.Sorted(slices.Values(want)); !slices.Equal(a, b) {
			t.Errorf("%s:\n got %s\nwant %s", list, got, want)
		}
	}
	for _, list := range []string{"NOPE", "DEFAULT:!ALL", "DHE-RSA-AES256-SHA"} {
		if ids, err := parseCiphers(list); err == nil || err.Error() != "Failed to configure ciphers: "+list {
			t.Errorf("%s: %s, %v", list, names(ids), err)
		}
	}
}

// Which cipher is taken follows tls-prefer-server-ciphers, the certificate and the protocol.
func TestChoice(t *testing.T) {
	t.Chdir(t.TempDir())
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	writePair(t, "rsa", rsaKey)
	ecKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	writePair(t, "ec", ecKey)
	client := []uint16{
		tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_RSA_WITH_AES_128_CBC_SHA, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
		tls.TLS_CHACHA20_POLY1305_SHA256, tls.TLS_AES_256_GCM_SHA384,
	}
	all, only12, upTo12 := []uint16{tls.VersionTLS13, tls.VersionTLS12}, []uint16{tls.VersionTLS12}, []uint16{tls.VersionTLS12, tls.VersionTLS11}
	for _, c := range []struct {
		key      string
		set      Settings
		versions []uint16
		version  uint16
		cipher   uint16 // 0: left to crypto/tls
	}{
		{"rsa", Settings{}, all, tls.VersionTLS13, 0},
		{"rsa", Settings{Protocols: "TLSv1.2"}, all, tls.VersionTLS12, tls.TLS_RSA_WITH_AES_128_CBC_SHA},
		{"rsa", Settings{Protocols: "TLSv1.2", PreferServer: true}, all, tls.VersionTLS12, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384},
		{"ec", Settings{Protocols: "TLSv1.2"}, all, tls.VersionTLS12, tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256},
		{"rsa", Settings{Ciphers: "AESGCM"}, only12, tls.VersionTLS12, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384},
		{"rsa", Settings{Protocols: "TLSv1.1 TLSv1.3"}, upTo12, tls.VersionTLS11, tls.TLS_RSA_WITH_AES_128_CBC_SHA},
		{"rsa", Settings{Suites: "TLS_AES_128_GCM_SHA256"}, all, tls.VersionTLS12, tls.TLS_RSA_WITH_AES_128_CBC_SHA},
		{"rsa", Settings{Protocols: "TLSv1.3"}, only12, tls.VersionTLS13, 0}, // refused by the version
	} {
		c.set.CertFile, c.set.KeyFile, c.set.AuthClients = c.key+".crt", c.key+".key", "no"
		built, err := Build(c.set)
		if err != nil {
			t.Fatal(err)
		}
		got, err := built.Server.GetConfigForClient(&tls.ClientHelloInfo{SupportedVersions: c.versions, CipherSuites: client})
		if err != nil {
			t.Fatal(err)
		}
		if got.MinVersion != c.version || got.MaxVersion != c.version {
			t.Errorf("%+v: protocol %x to %x, want %x", c.set, got.MinVersion, got.MaxVersion, c.version)
		}
		if c.cipher != 0 && !slices.Equal(got.CipherSuites, []uint16{c.cipher}) {
			t.Errorf("%+v: cipher %s, want %s", c.set, names(got.CipherSuites), tls.CipherSuiteName(c.cipher))
		}
	}
}

// writePair writes name.key and a certificate for it that signs itself, name.crt.
func writePair(t *testing.T, name string, key crypto.Signer) {
	t.Helper()
	made := x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	cert, err := x509.CreateCertificate(rand.Reader, &made, &made, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range []struct {
		name, kind string
		der        []byte
	}{{name + ".crt", "CERTIFICATE", cert}, {name + ".key", "PRIVATE KEY", secret}} {
		if err := os.WriteFile(f.name, pem.EncodeToMemory(&pem.Block{Type: f.kind, Bytes: f.der}), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// Keys with a passphrase are read in every way that OpenSSL writes them, and a wrong passphrase has its words.
func TestKeys(t *testing.T) {
	t.Chdir(t.TempDir())
	program := testbed.Peer(t, "openssl")
	openssl := func(args ...string) {
		t.Helper()
		if out, err := exec.Command(program, args...).CombinedOutput(); err != nil {
			t.Fatalf("openssl %q: %v\n%s", args, err, out)
		}
	}
	openssl("genrsa", "-out", "plain", "2048")
	openssl("ecparam", "-genkey", "-name", "prime256v1", "-out", "ec") // with EC PARAMETERS before the key
	openssl("genpkey", "-algorithm", "ed25519", "-out", "ed")
	files := []string{"plain", "ec", "ed"}
	locked := []string{"traditional", "traditional-des"}
	openssl("rsa", "-in", "plain", "-aes128", "-passout", "pass:secret", "-traditional", "-out", "traditional")
	openssl("rsa", "-in", "plain", "-des3", "-passout", "pass:secret", "-traditional", "-out", "traditional-des")
	for _, how := range [][]string{{"aes-128-cbc"}, {"aes-192-cbc"}, {"aes-256-cbc"}, {"des3"}, {"aes-256-cbc", "-v2prf", "hmacWithSHA1"}, {"aes-256-cbc", "-v2prf", "hmacWithSHA512"}} {
		name := strings.Join(how, "")
		openssl(append([]string{"pkcs8", "-topk8", "-in", "plain", "-passout", "pass:secret", "-out", name, "-v2"}, how...)...)
		locked = append(locked, name)
	}
	for _, f := range append(files, locked...) {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		key, cause := parseKey(text, []byte("secret"))
		if cause != "" || key == nil {
			t.Errorf("%s: %s", f, cause)
		}
		if slices.Contains(locked, f) {
			if _, cause := parseKey(text, nil); cause != noPassphrase {
				t.Errorf("%s without a passphrase: %s", f, cause)
			}
			if _, cause := parseKey(text, []byte("wrong")); cause != badDecrypt {
				t.Errorf("%s with a wrong passphrase: %s", f, cause)
			}
		}
		for cut := 0; cut < len(text); cut += 7 { // nothing in a damaged file is worse than an error
			parseKey(text[:cut], []byte("secret"))
		}
	}
}

// The cache of sessions forgets by number and by age.
func TestSessions(t *testing.T) {
	now := time.Unix(0, 0)
	s := newSessions(2, 10*time.Second)
	s.now = func() time.Time { return now }
	a, b := s.add([]byte("a")), s.add([]byte("b"))
	if string(s.find(a[:])) != "a" || string(s.find(b[:])) != "b" || s.find([]byte("short")) != nil {
		t.Error("two sessions are not found")
	}
	c := s.add([]byte("c"))
	if s.find(a[:]) != nil || string(s.find(c[:])) != "c" {
		t.Error("the oldest of three in a cache for two is still there, or the newest is not")
	}
	now = now.Add(11 * time.Second)
	if s.find(b[:]) != nil {
		t.Error("a session is found when its time is over")
	}
	if s.add([]byte("d")); s.order.Len() != 1 || len(s.byName) != 1 {
		t.Errorf("%d sessions, %d names after all but one have ended", s.order.Len(), len(s.byName))
	}
	unbounded := newSessions(0, 0)
	for range 100 {
		unbounded.add(nil)
	}
	if unbounded.order.Len() != 100 || unbounded.timeout != DefaultCacheTimeout {
		t.Errorf("%d sessions without a bound, for %v", unbounded.order.Len(), unbounded.timeout)
	}
}
