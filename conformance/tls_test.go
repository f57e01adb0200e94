package conformance

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"frankenredis/conformance/testbed"
)

// authority issues certificates for a test.
type authority struct {
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// newAuthority makes one, whose own certificate is ca.crt in dir.
func newAuthority(t *testing.T, dir string) *authority {
	t.Helper()
	a := &authority{dir: dir}
	a.issue(t, "ca", time.Hour)
	return a
}

func (a *authority) path(name string) string { return filepath.Join(a.dir, name) }

// issue writes name.crt and name.key; lifetime below zero: it has expired. The first one signs itself.
func (a *authority) issue(t *testing.T, name string, lifetime time.Duration) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	ok(t, err)
	now := time.Now()
	c := &x509.Certificate{
		SerialNumber: big.NewInt(now.UnixNano()), Subject: pkix.Name{CommonName: name}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: now.Add(-2 * time.Hour), NotAfter: now.Add(lifetime), BasicConstraintsValid: true,
	}
	if a.cert == nil {
		c.IsCA, c.KeyUsage = true, x509.KeyUsageCertSign
		a.cert, a.key = c, key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, a.cert, key.Public(), a.key)
	ok(t, err)
	if c == a.cert {
		a.cert, err = x509.ParseCertificate(der)
		ok(t, err)
	}
	secret, err := x509.MarshalECPrivateKey(key)
	ok(t, err)
	ok(t, os.WriteFile(a.path(name+".crt"), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	ok(t, os.WriteFile(a.path(name+".key"), pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: secret}), 0o600))
}

// client is a configuration that trusts the authority and shows the certificate of that name, "" for none.
func (a *authority) client(t *testing.T, name string) *tls.Config {
	t.Helper()
	c := &tls.Config{RootCAs: x509.NewCertPool()}
	c.RootCAs.AddCert(a.cert)
	if name != "" {
		pair, err := tls.LoadX509KeyPair(a.path(name+".crt"), a.path(name+".key"))
		ok(t, err)
		c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pair, nil } // whoever is asked for
	}
	return c
}

// args are a server's parameters for TLS on a port.
func (a *authority) args(port int) []string {
	return []string{"--tls-port", strconv.Itoa(port), "--tls-cert-file", a.path("server.crt"), "--tls-key-file", a.path("server.key"), "--tls-ca-cert-file", a.path("ca.crt")}
}

func dialTLS(t *testing.T, port int, c *tls.Config) (*testbed.Client, *tls.Conn, error) {
	t.Helper()
	conn, err := tls.DialWithDialer(&net.Dialer{Timeout: patience}, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), c)
	if err != nil {
		return nil, nil, err
	}
	t.Cleanup(func() { conn.Close() })
	return testbed.NewClient(conn), conn, nil
}

var tlsLine = regexp.MustCompile(`(?m)^\d+:[A-Z] .*? # (.*(?:TLS|tls|certificate|private key|ciphers|DH params|Failed to load).*)$`)

// A start that TLS prevents says why, in the same lines as a real server.
func TestTLSStartErrors(t *testing.T) {
	a := newAuthority(t, t.TempDir())
	for _, name := range []string{"server", "other"} {
		a.issue(t, name, time.Hour)
	}
	ok(t, os.WriteFile(a.path("empty"), nil, 0o600))
	ok(t, os.WriteFile(a.path("dh"), pem.EncodeToMemory(&pem.Block{Type: "X9.42 DH PARAMETERS"}), 0o600))
	full := a.args(testbed.FreePort("127.0.0.1"))
	with := func(more ...string) []string { return append(slices.Clone(full), more...) }
	for _, args := range [][]string{
		full[:2], full[:4], full[:6], {"--tls-replication", "yes"}, {"--tls-cluster", "yes"},
		with("--tls-cert-file", "/nonexistent"), with("--tls-cert-file", a.path("empty")), with("--tls-cert-file", a.dir),
		with("--tls-key-file", "/nonexistent"), with("--tls-key-file", a.path("other.key")), with("--tls-key-file", a.path("empty")),
		with("--tls-ca-cert-file", "/nonexistent"), with("--tls-ca-cert-file", a.path("server.key")),
		with("--tls-protocols", "TLSv1.9"), with("--tls-ciphers", "NOPE"), with("--tls-ciphersuites", "NOPE"),
		with("--tls-dh-params-file", "/nonexistent"), with("--tls-dh-params-file", a.path("dh")),
		with("--tls-client-cert-file", "/nonexistent", "--tls-client-key-file", a.path("server.key")),
		with("--tls-client-cert-file", a.path("server.crt"), "--tls-client-key-file", a.path("other.key")),
	} {
		var lines [2][]string
		for i, binary := range []string{testbed.Subject(t), testbed.Peer(t, "redict-server")} {
			out, code := runServer(t, binary, t.TempDir(), "", append([]string{"--port", "0", "--save", ""}, args...)...)
			if code != 1 {
				t.Errorf("%s %q: exit status %d", binary, args, code)
			}
			for _, m := range tlsLine.FindAllStringSubmatch(out, -1) {
				if !strings.HasPrefix(m[1], "Warning: no config file") {
					lines[i] = append(lines[i], m[1])
				}
			}
		}
		if len(lines[0]) == 0 || !slices.Equal(lines[0], lines[1]) {
			t.Errorf("%q:\n got %q\nwant %q", args, lines[0], lines[1])
		}
	}
}

// Who may connect, over which protocol and cipher, and what the log says about the others; all of it changes at run time.
func TestTLSClients(t *testing.T) {
	for _, binary := range []string{testbed.Subject(t), testbed.Peer(t, "redict-server")} {
		t.Run(filepath.Base(binary), func(t *testing.T) {
			a, stranger := newAuthority(t, t.TempDir()), newAuthority(t, t.TempDir())
			for _, name := range []string{"server", "second", "client"} {
				a.issue(t, name, time.Hour)
			}
			a.issue(t, "expired", -time.Hour)
			stranger.issue(t, "client", time.Hour)
			foreign := stranger.client(t, "client")
			foreign.RootCAs = a.client(t, "").RootCAs
			port := testbed.FreePort("127.0.0.1")
			s := testbed.Start(t, testbed.Options{Binary: binary, Args: a.args(port)})
			admin := s.Dial(t)
			set := func(args ...string) {
				t.Helper()
				if r := admin.Call(t, append([]string{"CONFIG", "SET"}, args...)...); r.Str != "OK" {
					t.Errorf("CONFIG SET %q: %s", args, r.Str)
				}
			}
			try := func(what string, cfg *tls.Config, good bool) *tls.Conn {
				t.Helper()
				c, conn, err := dialTLS(t, port, cfg)
				if err == nil {
					_, err = c.Do("PING")
				}
				if (err == nil) != good {
					t.Errorf("%s: %v", what, err)
				}
				return conn
			}
			logged := func(want string, times int) {
				t.Helper()
				waitFor(t, fmt.Sprintf("%d times in the log: %s", times, want), func() bool { return strings.Count(s.LogText(), want) == times })
			}
			const refused = "Error accepting a client connection: error:"
			try("a good certificate", a.client(t, "client"), true)
			try("no certificate", a.client(t, ""), false)
			logged(refused+"0A0000C7:SSL routines::peer did not return a certificate (addr=127.0.0.1:", 1)
			try("an expired certificate", a.client(t, "expired"), false)
			try("another authority's certificate", foreign, false)
			logged(refused+"0A000086:SSL routines::certificate verify failed (addr=127.0.0.1:", 2)
			old := a.client(t, "client")
			old.MinVersion, old.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
			try("an old protocol", old, false)
			logged(refused+"0A000102:SSL routines::unsupported protocol", 1)
			plain, err := testbed.Dial("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
			ok(t, err)
			defer plain.Close()
			if r, err := plain.Do("PING"); err == nil && r.Str == "PONG" {
				t.Error("a client without TLS is served")
			}
			logged(refused+"0A00010B:SSL routines::wrong version number", 1)

			set("tls-auth-clients", "optional")
			try("no certificate where it is optional", a.client(t, ""), true)
			try("another authority's where it is optional", foreign, false)
			set("tls-auth-clients", "no")
			try("another authority's where none is asked for", foreign, true)

			// OpenSSL's clients say in plain text that they do not trust us, also under TLS 1.3.
			if err := exec.Command(testbed.Peer(t, "redis-cli"), "-h", "127.0.0.1", "-p", strconv.Itoa(port), "--tls", "--cacert", stranger.path("ca.crt"), "PING").Run(); err == nil {
				t.Error("redis-cli trusts another authority's certificate")
			}
			waitFor(t, "the client's alert in the log", func() bool {
				return strings.Contains(s.LogText(), refused+"0A000418:SSL routines::tlsv1 alert unknown ca (addr=")
			})

			set("tls-protocols", "TLSv1.2")
			if conn := try("TLS 1.2", a.client(t, ""), true); conn != nil && conn.ConnectionState().Version != tls.VersionTLS12 {
				t.Errorf("protocol %x", conn.ConnectionState().Version)
			}
			only13 := a.client(t, "")
			only13.MinVersion = tls.VersionTLS13
			try("TLS 1.3 where there is 1.2 only", only13, false)
			set("tls-ciphers", "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384", "tls-prefer-server-ciphers", "yes")
			if conn := try("a cipher of the server's choice", a.client(t, ""), true); conn != nil && conn.ConnectionState().CipherSuite != tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 {
				t.Errorf("cipher %s", tls.CipherSuiteName(conn.ConnectionState().CipherSuite))
			}
			chacha := a.client(t, "")
			chacha.CipherSuites = []uint16{tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256}
			try("a cipher that the server has not", chacha, false)
			logged(refused+"0A0000C1:SSL routines::no shared cipher", 1)
			set("tls-ciphers", "", "tls-protocols", "")

			// A certificate that was replaced under its name comes with the next CONFIG SET of it, to new connections only.
			before := try("before the change", a.client(t, ""), true)
			ok(t, os.Rename(a.path("second.crt"), a.path("server.crt")))
			ok(t, os.Rename(a.path("second.key"), a.path("server.key")))
			set("tls-cert-file", a.path("server.crt"))
			if conn := try("after the change", a.client(t, ""), true); conn != nil && conn.ConnectionState().PeerCertificates[0].Subject.CommonName != "second" {
				t.Errorf("the certificate is still %q's", conn.ConnectionState().PeerCertificates[0].Subject.CommonName)
			}
			if before != nil {
				if _, err := testbed.NewClient(before).Do("PING"); err != nil {
					t.Errorf("a connection from before the change: %v", err)
				}
			}
			for _, bad := range [][2]string{{"tls-cert-file", "/nonexistent"}, {"tls-protocols", "x"}, {"tls-ciphers", "NOPE"}} {
				r, err := admin.Do("CONFIG", "SET", bad[0], bad[1])
				ok(t, err)
				if want := "ERR CONFIG SET failed (possibly related to argument '" + bad[0] + "') - Unable to update TLS configuration. Check server logs."; r.Str != want {
					t.Errorf("CONFIG SET %q: %s", bad, r.Str)
				}
			}
			try("after refusals", a.client(t, ""), true)

			// Sessions are resumed while they are cached.
			resumes := func() bool {
				cfg := a.client(t, "")
				cfg.ClientSessionCache = tls.NewLRUClientSessionCache(1)
				for range 2 {
					if conn := try("twice", cfg, true); conn != nil && conn.ConnectionState().DidResume {
						return true
					}
				}
				return false
			}
			if !resumes() {
				t.Error("a session is not resumed")
			}

			set("tls-port", "0")
			try("a port that was closed", a.client(t, ""), false)
			port = testbed.FreePort("127.0.0.1")
			set("tls-port", strconv.Itoa(port))
			try("a new port", a.client(t, ""), true)
			info := admin.Call(t, "INFO", "server").Str
			if want := "listener2:name=tls,bind=127.0.0.1,port=" + strconv.Itoa(port); !strings.Contains(info, want) {
				t.Errorf("no %q in INFO", want)
			}
			stop(t, s)
		})
	}
}

// A replica follows over TLS, in any pairing with a real server, by socket and by file, and again after its connection was cut.
func TestTLSReplication(t *testing.T) {
	a := newAuthority(t, t.TempDir())
	for _, name := range []string{"server", "replica"} {
		a.issue(t, name, time.Hour)
	}
	subject, peer := testbed.Subject(t), testbed.Peer(t, "redict-server")
	for _, c := range []struct{ primary, replica, diskless string }{
		{subject, subject, "yes"}, {subject, subject, "no"}, {subject, peer, "yes"}, {peer, subject, "yes"}, {peer, subject, "no"},
	} {
		t.Run(filepath.Base(c.primary)+" "+filepath.Base(c.replica)+" "+c.diskless, func(t *testing.T) {
			t.Parallel()
			start := func(binary string, port int, more ...string) *testbed.Server {
				args := append(a.args(port), "--tls-replication", "yes", "--enable-debug-command", "yes", "--repl-diskless-sync", c.diskless, "--repl-diskless-sync-delay", "0",
					"--tls-client-cert-file", a.path("replica.crt"), "--tls-client-key-file", a.path("replica.key"))
				return testbed.Start(t, testbed.Options{Binary: binary, Args: append(args, more...)})
			}
			port := testbed.FreePort("127.0.0.1")
			primary := start(c.primary, port)
			w := primary.Dial(t)
			w.Call(t, "DEBUG", "POPULATE", "30000", "key", "500")
			replica := start(c.replica, testbed.FreePort("127.0.0.1"), "--replicaof", "127.0.0.1 "+strconv.Itoa(port))
			r := replica.Dial(t)
			same := func(when string) {
				t.Helper()
				w.Call(t, "SET", "last", when)
				want := w.Call(t, "DEBUG", "DIGEST").Str
				waitFor(t, "the replica to be the same "+when, func() bool { return r.Call(t, "DEBUG", "DIGEST").Str == want })
			}
			same("after the full sync")
			w.Call(t, "EVAL", "for i=1,30000 do redis.call('SET','more:'..i,string.rep('v',100)) end", "0")
			big := strings.Repeat("x", 3<<20)
			w.Call(t, "SET", "big", big)
			same("after more")
			w.Call(t, "CLIENT", "KILL", "TYPE", "replica")
			same("after the connection was cut")
			if n := infoInt(t, w, "stats", "sync_full"); n != 1 {
				t.Errorf("%d full syncs", n)
			}
		})
	}
}

// What moves many bytes works over TLS as it does without: pipelines whose replies are read late, large values, subscribers, and the
// tools that come with Redis.
func TestTLSTraffic(t *testing.T) {
	a := newAuthority(t, t.TempDir())
	for _, name := range []string{"server", "client"} {
		a.issue(t, name, time.Hour)
	}
	port := testbed.FreePort("127.0.0.1")
	testbed.Start(t, testbed.Options{Args: a.args(port)})
	c, _, err := dialTLS(t, port, a.client(t, "client"))
	ok(t, err)
	const commands = 100_000
	var pipeline []byte
	for i := range commands {
		pipeline = testbed.AppendCommand(pipeline, "ECHO", strconv.Itoa(i))
	}
	ok(t, c.SendRaw(pipeline))
	for i := range commands {
		if r, err := c.Receive(); err != nil || r.Str != strconv.Itoa(i) {
			t.Fatalf("reply %d: %v, %v", i, r, err)
		}
	}
	value := bytes.Repeat([]byte("0123456789abcdef"), 2<<20)
	sent := make(chan error, 1)
	go func() { sent <- c.Send("SET", "k", string(value)) }()
	r, err := c.Receive()
	ok(t, err)
	ok(t, <-sent)
	if r.Str != "OK" {
		t.Errorf("SET of %d bytes: %v", len(value), r)
	}
	if r, err := c.Do("GET", "k"); err != nil || r.Str != string(value) {
		t.Errorf("GET of %d bytes: %d bytes, %v", len(value), len(r.Str), err)
	}
	sub, _, err := dialTLS(t, port, a.client(t, "client"))
	ok(t, err)
	_, err = sub.Do("SUBSCRIBE", "ch")
	ok(t, err)
	for i := range 1000 {
		if r, err := c.Do("PUBLISH", "ch", fmt.Sprint(i)); err != nil || r.Int != 1 {
			t.Fatalf("PUBLISH: %v, %v", r, err)
		}
	}
	for i := range 1000 {
		if r, err := sub.Receive(); err != nil || r.Elems[2].Str != fmt.Sprint(i) {
			t.Fatalf("message %d: %v, %v", i, r, err)
		}
	}
	if cli := testbed.Peer(t, "redis-cli"); cli != "" {
		out, err := exec.Command(cli, "--tls", "-p", strconv.Itoa(port), "--cacert", a.path("ca.crt"), "--cert", a.path("client.crt"), "--key", a.path("client.key"), "STRLEN", "k").CombinedOutput()
		if err != nil || strings.TrimSpace(string(out)) != strconv.Itoa(len(value)) {
			t.Errorf("redis-cli --tls: %q, %v", out, err)
		}
	}
}

// With tls-cluster MIGRATE speaks TLS to its target.
func TestTLSMigrate(t *testing.T) {
	t.Parallel()
	a := newAuthority(t, t.TempDir())
	a.issue(t, "server", time.Hour)
	for _, target := range []string{testbed.Subject(t), testbed.Peer(t, "redict-server")} {
		port := testbed.FreePort("127.0.0.1")
		from := testbed.Start(t, testbed.Options{Args: append(a.args(testbed.FreePort("127.0.0.1")), "--tls-cluster", "yes")})
		to := testbed.Start(t, testbed.Options{Binary: target, Args: a.args(port)})
		c := from.Dial(t)
		c.Call(t, "MSET", "a", "1", "b", "2")
		if r := c.Call(t, "MIGRATE", "127.0.0.1", strconv.Itoa(port), "", "0", "120000", "KEYS", "a", "b"); r.Str != "OK" {
			t.Errorf("MIGRATE: %v", r)
		}
		if r := to.Dial(t).Call(t, "MGET", "a", "b"); len(r.Elems) != 2 || r.Elems[0].Str != "1" || r.Elems[1].Str != "2" {
			t.Errorf("at %s: %v", filepath.Base(target), r)
		}
		c.Call(t, "SET", "c", "3")
		if r, err := c.Do("MIGRATE", "127.0.0.1", strconv.Itoa(to.Port), "c", "0", "2000"); err != nil || !strings.HasPrefix(r.Str, "IOERR") {
			t.Errorf("MIGRATE to a port without TLS: %v, %v", r, err)
		}
	}
}
