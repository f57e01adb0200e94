package main

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"time"

	"frankenredis/wire"
	"frankenredis/wire/tlsconf"
)

// startTLS reads certificates and keys if any parameter wants TLS; the log says what is wrong with them.
func (s *server) startTLS() error {
	if !s.wantsTLS() {
		return nil
	}
	return s.configureTLS()
}

// wantsTLS says whether there is any use for TLS.
func (s *server) wantsTLS() bool {
	return s.cfg.Int("tls-port") != 0 || s.cfg.Bool("tls-replication") || s.cfg.Bool("tls-cluster")
}

// configureTLS reads certificates and keys anew. Connections that are there keep theirs.
func (s *server) configureTLS() error {
	c, err := tlsconf.Build(tlsconf.Settings{
		CertFile: s.cfg.String("tls-cert-file"), KeyFile: s.cfg.String("tls-key-file"), KeyPass: s.cfg.String("tls-key-file-pass"),
		ClientCertFile: s.cfg.String("tls-client-cert-file"), ClientKeyFile: s.cfg.String("tls-client-key-file"),
		ClientKeyPass: s.cfg.String("tls-client-key-file-pass"), DHParamsFile: s.cfg.String("tls-dh-params-file"),
		CAFile: s.cfg.String("tls-ca-cert-file"), CADir: s.cfg.String("tls-ca-cert-dir"), AuthClients: s.cfg.Enum("tls-auth-clients"),
		NeedCA:    s.cfg.Bool("tls-cluster") || s.cfg.Bool("tls-replication"),
		Protocols: s.cfg.String("tls-protocols"), Ciphers: s.cfg.String("tls-ciphers"), Suites: s.cfg.String("tls-ciphersuites"),
		PreferServer: s.cfg.Bool("tls-prefer-server-ciphers"), SessionCaching: s.cfg.Bool("tls-session-caching"),
		CacheSize: int(s.cfg.Int("tls-session-cache-size")), CacheTimeout: time.Duration(s.cfg.Int("tls-session-cache-timeout")) * time.Second,
	})
	if err != nil {
		s.logger.Warn(err.Error())
		return err
	}
	s.secured.Store(c)
	s.reactor.SetTLS(c.Server)
	return nil
}

// followTLS acts on changes of TLS's parameters at run time. A file that was replaced is read when its parameter is set, also to the name it
// has already, and so are all others.
func (s *server) followTLS() {
	refused := errors.New("Unable to update TLS configuration. Check server logs.")
	s.cfg.OnApply("tls-port", func() error {
		if s.secured.Load() == nil && s.configureTLS() != nil {
			return refused
		}
		return s.relisten("Unable to listen on this port. Check server logs.", wire.TLS)
	})
	s.cfg.OnApply("tls-cert-file", func() error {
		if s.startTLS() != nil {
			return refused
		}
		return nil
	}, "tls-key-file", "tls-key-file-pass", "tls-client-cert-file", "tls-client-key-file", "tls-client-key-file-pass", "tls-dh-params-file",
		"tls-ca-cert-file", "tls-ca-cert-dir", "tls-auth-clients", "tls-protocols", "tls-ciphers", "tls-ciphersuites",
		"tls-prefer-server-ciphers", "tls-session-caching", "tls-session-cache-size", "tls-session-cache-timeout", "tls-cluster", "tls-replication")
}

// ownPort is the port the server goes by: that of TLS if it serves nothing else.
func (s *server) ownPort() int {
	if port := s.port(wire.TCP); port != 0 {
		return port
	}
	return s.port(wire.TLS)
}

// dialPrimary makes the connection to a primary, over TLS with tls-replication. What it returns may be called by any goroutine.
func (s *server) dialPrimary(overTLS bool) func(address string, timeout time.Duration) (net.Conn, error) {
	dial := s.dialer(overTLS)
	return func(address string, timeout time.Duration) (net.Conn, error) {
		ctx, cancel := context.WithTimeout(context.Background(), timeout)
		defer cancel()
		return dial(ctx, address)
	}
}

// dialer connects to other servers, from bind-source-addr if that can be had. What it returns may be called by any goroutine.
func (s *server) dialer(overTLS bool) func(ctx context.Context, address string) (net.Conn, error) {
	source := net.ParseIP(s.cfg.String("bind-source-addr"))
	return func(ctx context.Context, address string) (net.Conn, error) {
		var d net.Dialer
		if source != nil {
			d.LocalAddr = &net.TCPAddr{IP: source}
		}
		c, err := d.DialContext(ctx, "tcp", address)
		if err != nil && source != nil {
			c, err = (&net.Dialer{}).DialContext(ctx, "tcp", address) // as Redis does
		}
		if err != nil || !overTLS {
			return c, err
		}
		secured := tls.Client(c, s.secured.Load().Client)
		if err := secured.HandshakeContext(ctx); err != nil {
			c.Close()
			return nil, errors.New(tlsconf.Reason(err))
		}
		return secured, nil
	}
}

// clusterTLS is what other nodes are spoken to with, nil unless tls-cluster says so.
func (s *server) clusterTLS() *tls.Config {
	if c := s.secured.Load(); c != nil && s.cfg.Bool("tls-cluster") {
		return c.Client
	}
	return nil
}
