// Package tlsconf turns Redis's tls-* parameters into configurations of crypto/tls: certificates, keys with a passphrase,
// authorities in a file or a hashed directory, protocols and ciphers by OpenSSL's names, and a session cache of a bounded size and
// age. Errors are worded as redis-server logs them, with OpenSSL's numbers, because tools and people search for these.
//
// What crypto/tls cannot do stands in conformance/DRIFT.md, tls-library.
package tlsconf

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"slices"
	"time"
)

// Settings are the parameters; file names are relative to the working directory.
type Settings struct {
	CertFile, KeyFile, KeyPass string
	// ClientCertFile and ClientKeyFile are shown to other servers; unless both are set the server's own pair is.
	ClientCertFile, ClientKeyFile, ClientKeyPass string
	DHParamsFile                                 string
	CAFile, CADir                                string
	AuthClients                                  string // yes, no or optional
	NeedCA                                       bool   // other servers are to be verified too
	Protocols                                    string // empty: TLSv1.2 and TLSv1.3
	Ciphers                                      string // of TLS 1.2 and older, an OpenSSL cipher list; empty: DEFAULT
	Suites                                       string // of TLS 1.3, separated by colons; empty: all
	PreferServer                                 bool   // our order of ciphers decides, not the client's
	SessionCaching                               bool
	CacheSize                                    int // sessions; 0: no bound
	CacheTimeout                                 time.Duration
}

// Config is what Build makes of the settings. It is never changed: a reload builds another.
type Config struct {
	Server *tls.Config // for connections that come in
	Client *tls.Config // for connections to other servers
}

// DefaultCacheTimeout stands for a CacheTimeout of 0, as in OpenSSL.
const DefaultCacheTimeout = 300 * time.Second

// Build reads the files. The error's text is the line that redis-server logs.
func Build(s Settings) (*Config, error) {
	switch {
	case s.CertFile == "":
		return nil, errors.New("No tls-cert-file configured!")
	case s.KeyFile == "":
		return nil, errors.New("No tls-key-file configured!")
	case (s.AuthClients != "no" || s.NeedCA) && s.CAFile == "" && s.CADir == "":
		return nil, errors.New("Either tls-ca-cert-file or tls-ca-cert-dir must be specified when tls-cluster, tls-replication or tls-auth-clients are enabled!")
	}
	versions, err := parseProtocols(s.Protocols)
	if err != nil {
		return nil, err
	}
	pair, err := loadPair(s.CertFile, s.KeyFile, s.KeyPass)
	if err != nil {
		return nil, err
	}
	authorities, pool, err := loadAuthorities(s.CAFile, s.CADir)
	if err != nil {
		return nil, err
	}
	completeChain(&pair, authorities)
	ciphers, err := parseCiphers(s.Ciphers)
	if err != nil {
		return nil, err
	}
	suites, err := parseSuites(s.Suites)
	if err != nil {
		return nil, err
	}
	if err := checkDHParams(s.DHParamsFile); err != nil {
		return nil, err
	}
	base := &tls.Config{
		Certificates: []tls.Certificate{pair},
		MinVersion:   slices.Min(versions), MaxVersion: slices.Max(versions),
		CipherSuites:                ciphers,
		DynamicRecordSizingDisabled: true,
		Renegotiation:               tls.RenegotiateNever,
	}
	server := base.Clone()
	server.ClientCAs = pool
	switch s.AuthClients {
	case "yes":
		server.ClientAuth = tls.RequireAndVerifyClientCert
	case "optional":
		server.ClientAuth = tls.VerifyClientCertIfGiven
	}
	if s.SessionCaching {
		newSessions(s.CacheSize, s.CacheTimeout).serve(server)
	} else {
		server.SessionTicketsDisabled = true
	}
	choice := &choice{base: server, versions: versions, ciphers: ciphers, suites: suites, ours: s.PreferServer}
	server.GetConfigForClient = choice.forClient
	server.VerifyConnection = func(cs tls.ConnectionState) error { return allowed(cs, versions, suites) }

	client := base.Clone()
	if s.ClientCertFile != "" && s.ClientKeyFile != "" {
		pair, err := loadPair(s.ClientCertFile, s.ClientKeyFile, s.ClientKeyPass)
		if err != nil {
			return nil, err
		}
		completeChain(&pair, authorities)
		client.Certificates = []tls.Certificate{pair}
	}
	// As in Redis a server is believed for its authority, whatever its name is: replicas are told addresses.
	client.InsecureSkipVerify = true
	client.VerifyConnection = func(cs tls.ConnectionState) error {
		if err := allowed(cs, versions, suites); err != nil {
			return err
		}
		return verifyServer(cs, pool)
	}
	return &Config{Server: server, Client: client}, nil
}

// allowed checks what the two sides have agreed on: crypto/tls can be told a range of protocols, and of TLS 1.3's ciphers nothing.
func allowed(cs tls.ConnectionState, versions, suites []uint16) error {
	if !slices.Contains(versions, cs.Version) {
		return errVersion
	}
	if cs.Version == tls.VersionTLS13 && !slices.Contains(suites, cs.CipherSuite) {
		return errCipher
	}
	return nil
}

// verifyServer holds a server's certificate against the authorities.
func verifyServer(cs tls.ConnectionState, pool *x509.CertPool) error {
	o := x509.VerifyOptions{Roots: pool, Intermediates: x509.NewCertPool(), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	for _, c := range cs.PeerCertificates[1:] {
		o.Intermediates.AddCert(c)
	}
	if pool == nil {
		o.Roots = x509.NewCertPool() // nobody is trusted, rather than whom the system trusts
	}
	_, err := cs.PeerCertificates[0].Verify(o)
	return err
}
