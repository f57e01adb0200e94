package tlsconf

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"regexp"
	"syscall"
)

// What OpenSSL 3 says about files.
const (
	noStartLine  = "error:0480006C:PEM routines::no start line"
	keyMismatch  = "error:05800074:x509 certificate routines::key values mismatch"
	noPassphrase = "error:07880109:common libcrypto routines::interrupted or cancelled"
	badDecrypt   = "error:1C800064:Provider routines::bad decrypt"
	notAKey      = "error:1E08010C:DECODER routines::unsupported"
	noAuthority  = "error:05800088:x509 certificate routines::no certificate or crl found"
	badASN1      = "error:0680009B:asn1 encoding routines::too long"
)

// systemError is a failed system call in OpenSSL's words.
func systemError(err error) string {
	var errno syscall.Errno
	if !errors.As(err, &errno) {
		return err.Error()
	}
	return fmt.Sprintf("error:%08X:system library::%s", 0x80000000|uint32(errno), errnoText(errno))
}

// errnoText is strerror's text: Go's begins with a small letter.
func errnoText(errno syscall.Errno) string {
	text := []byte(errno.Error())
	if len(text) > 0 && text[0] >= 'a' && text[0] <= 'z' {
		text[0] -= 'a' - 'A'
	}
	return string(text)
}

// loadPair reads a certificate with its chain, and its key.
func loadPair(certFile, keyFile, pass string) (tls.Certificate, error) {
	var pair tls.Certificate
	fail := func(what, file, cause string) (tls.Certificate, error) {
		return tls.Certificate{}, fmt.Errorf("Failed to load %s: %s: %s", what, file, cause)
	}
	text, err := os.ReadFile(certFile)
	if errors.Is(err, syscall.EISDIR) {
		return fail("certificate", certFile, noStartLine)
	} else if err != nil {
		return fail("certificate", certFile, systemError(err))
	}
	for _, c := range certificateBlocks(text) {
		pair.Certificate = append(pair.Certificate, c.Bytes)
	}
	if len(pair.Certificate) == 0 {
		return fail("certificate", certFile, noStartLine)
	}
	if pair.Leaf, err = x509.ParseCertificate(pair.Certificate[0]); err != nil {
		return fail("certificate", certFile, badASN1)
	}
	if text, err = os.ReadFile(keyFile); err != nil {
		return fail("private key", keyFile, systemError(err))
	}
	key, cause := parseKey(text, []byte(pass))
	if cause != "" {
		return fail("private key", keyFile, cause)
	}
	if !matches(pair.Leaf, key) {
		return fail("private key", keyFile, keyMismatch)
	}
	pair.PrivateKey = key
	return pair, nil
}

func certificateBlocks(text []byte) (list []*pem.Block) {
	for {
		var b *pem.Block
		if b, text = pem.Decode(text); b == nil {
			return list
		}
		if b.Type == "CERTIFICATE" || b.Type == "X509 CERTIFICATE" || b.Type == "TRUSTED CERTIFICATE" {
			list = append(list, b)
		}
	}
}

// parseKey reads the first private key of a file; cause says in OpenSSL's words why there is none.
func parseKey(text, pass []byte) (key crypto.Signer, cause string) {
	for {
		var b *pem.Block
		if b, text = pem.Decode(text); b == nil {
			return nil, notAKey
		}
		der := b.Bytes
		switch b.Type {
		case "ENCRYPTED PRIVATE KEY":
			if len(pass) == 0 {
				return nil, noPassphrase
			}
			var err error
			if der, err = decryptPKCS8(der, pass); errors.Is(err, errUnsupported) {
				return nil, notAKey
			} else if err != nil {
				return nil, badDecrypt
			}
			b.Type = "PRIVATE KEY"
		case "PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY":
			//lint:ignore SA1019 Redis takes such keys, and whoever has one must be able to use it.
			if x509.IsEncryptedPEMBlock(b) {
				if len(pass) == 0 {
					return nil, noPassphrase
				}
				var err error
				//lint:ignore SA1019 see above
				if der, err = x509.DecryptPEMBlock(b, pass); err != nil {
					return nil, badDecrypt
				}
			}
		default:
			continue // EC PARAMETERS, a certificate in the same file
		}
		var any any
		var err error
		switch b.Type {
		case "RSA PRIVATE KEY":
			any, err = x509.ParsePKCS1PrivateKey(der)
		case "EC PRIVATE KEY":
			any, err = x509.ParseECPrivateKey(der)
		default:
			any, err = x509.ParsePKCS8PrivateKey(der)
		}
		signer, ok := any.(crypto.Signer)
		if err != nil || !ok {
			if len(pass) > 0 && b.Headers["DEK-Info"] != "" {
				return nil, badDecrypt // a wrong passphrase that left a right padding
			}
			return nil, notAKey
		}
		return signer, ""
	}
}

// matches says whether the key is the certificate's.
func matches(leaf *x509.Certificate, key crypto.Signer) bool {
	switch pub := leaf.PublicKey.(type) {
	case *rsa.PublicKey:
		return pub.Equal(key.Public())
	case *ecdsa.PublicKey:
		return pub.Equal(key.Public())
	case ed25519.PublicKey:
		return pub.Equal(key.Public())
	}
	return false
}

// hashedName is what OpenSSL looks for in a directory of authorities (openssl rehash makes these links).
var hashedName = regexp.MustCompile(`^[0-9a-f]{8}\.[0-9]+$`)

// loadAuthorities reads tls-ca-cert-file and tls-ca-cert-dir. A directory is read whole here, where OpenSSL looks names up when it needs
// them; as there, one that is missing or empty is no error. The pool is nil when neither is set.
func loadAuthorities(file, dir string) (list []*x509.Certificate, pool *x509.CertPool, err error) {
	if file == "" && dir == "" {
		return nil, nil, nil
	}
	if file != "" {
		text, err := os.ReadFile(file)
		cause := noAuthority
		if err != nil {
			cause = systemError(err)
		} else {
			list = parseAuthorities(text)
		}
		if len(list) == 0 {
			return nil, nil, errors.New("Failed to configure CA certificate(s) file/directory: " + cause)
		}
	}
	if dir != "" {
		entries, _ := os.ReadDir(dir)
		for _, e := range entries {
			if hashedName.MatchString(e.Name()) {
				if text, err := os.ReadFile(filepath.Join(dir, e.Name())); err == nil {
					list = append(list, parseAuthorities(text)...)
				}
			}
		}
	}
	pool = x509.NewCertPool()
	for _, c := range list {
		pool.AddCert(c)
	}
	return list, pool, nil
}

func parseAuthorities(text []byte) (list []*x509.Certificate) {
	for _, b := range certificateBlocks(text) {
		if c, err := x509.ParseCertificate(b.Bytes); err == nil {
			list = append(list, c)
		}
	}
	return list
}

// completeChain adds the authorities between the certificate and its root, and the root, when the certificate's file holds no chain: who
// connects may not know what lies between.
func completeChain(pair *tls.Certificate, authorities []*x509.Certificate) {
	const longest = 10
	for last := pair.Leaf; len(pair.Certificate) < longest && !bytes.Equal(last.RawIssuer, last.RawSubject); {
		next := issuer(last, authorities)
		if next == nil || (len(pair.Certificate) > 1 && last == pair.Leaf) {
			return // nobody knows more, or the file holds a chain
		}
		pair.Certificate = append(pair.Certificate, next.Raw)
		last = next
	}
}

func issuer(c *x509.Certificate, authorities []*x509.Certificate) *x509.Certificate {
	for _, a := range authorities {
		if bytes.Equal(a.RawSubject, c.RawIssuer) && c.CheckSignatureFrom(a) == nil {
			return a
		}
	}
	return nil
}

// leastDHBits is what OpenSSL's default security level takes.
const leastDHBits = 2048

// checkDHParams checks a file that is not used: crypto/tls has no finite-field Diffie-Hellman. What Redis would refuse is refused here.
func checkDHParams(file string) error {
	if file == "" {
		return nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		var errno syscall.Errno
		errors.As(err, &errno)
		return fmt.Errorf("Failed to load %s: %s", file, errnoText(errno))
	}
	b, _ := pem.Decode(text)
	var params struct {
		P, G *big.Int
		Bits int `asn1:"optional"`
	}
	if b == nil || b.Type != "DH PARAMETERS" {
		return fmt.Errorf("%s: failed to read DH params.", file)
	}
	if _, err := asn1.Unmarshal(b.Bytes, &params); err != nil {
		return fmt.Errorf("%s: failed to read DH params.", file)
	}
	if params.P.BitLen() < leastDHBits {
		return fmt.Errorf("Failed to load DH params file: %s: error:0A00018A:SSL routines::dh key too small", file)
	}
	return nil
}
