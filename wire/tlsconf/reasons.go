package tlsconf

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"reflect"
	"strings"
)

var (
	errVersion = errors.New("tlsconf: a protocol that tls-protocols does not name")
	errCipher  = errors.New("tlsconf: a cipher that tls-ciphersuites does not name")
)

// alertNames are OpenSSL's names for alerts by number.
var alertNames = map[uint64]string{
	10: "sslv3 alert unexpected message", 20: "sslv3 alert bad record mac", 22: "tlsv1 alert record overflow",
	40: "sslv3 alert handshake failure", 42: "sslv3 alert bad certificate", 43: "sslv3 alert unsupported certificate",
	44: "sslv3 alert certificate revoked", 45: "sslv3 alert certificate expired", 46: "sslv3 alert certificate unknown",
	47: "sslv3 alert illegal parameter", 48: "tlsv1 alert unknown ca", 49: "tlsv1 alert access denied", 50: "tlsv1 alert decode error",
	51: "tlsv1 alert decrypt error", 70: "tlsv1 alert protocol version", 71: "tlsv1 alert insufficient security",
	80: "tlsv1 alert internal error", 86: "tlsv1 alert inappropriate fallback", 90: "tlsv1 alert user cancelled",
	100: "tlsv1 alert no renegotiation", 109: "tlsv13 alert missing extension", 110: "tlsv1 unsupported extension",
	112: "tlsv1 unrecognized name", 116: "tlsv13 alert certificate required",
}

// A reason is an error of crypto/tls, known by a part of its text, and what OpenSSL calls it.
var reasons = []struct{ part, text string }{
	{"client didn't provide a certificate", "0A0000C7:SSL routines::peer did not return a certificate"},
	{"unsupported versions", "0A000102:SSL routines::unsupported protocol"},
	{"no cipher suite supported", "0A0000C1:SSL routines::no shared cipher"},
	{"no ECDHE curve", "0A0000C1:SSL routines::no shared cipher"},
	{"none of the peer's supported signature algorithms", "0A000076:SSL routines::no suitable signature algorithm"},
	{"bad record MAC", "0A000119:SSL routines::decryption failed or bad record mac"},
	{"oversized record", "0A0000C6:SSL routines::packet length too long"},
	{"unexpected message", "0A0000F4:SSL routines::unexpected message"},
	{"failed to verify certificate", "0A000086:SSL routines::certificate verify failed"},
	{"failed to parse certificate", "0A000086:SSL routines::certificate verify failed"},
	{"certificate used with invalid signature algorithm", "0A000086:SSL routines::certificate verify failed"},
	{"invalid signature by the", "0A00007B:SSL routines::bad signature"},
	{"server selected unsupported protocol version", "0A000102:SSL routines::unsupported protocol"},
}

// AlertRecordBytes is the length of a record of one alert that is not encrypted.
const AlertRecordBytes = 7

// alert is a fatal alert that the other side sent.
type alert uint8

func (a alert) Error() string { return fmt.Sprintf("tlsconf: the other side's alert %d", uint8(a)) }

// ReadAlert is the error that a server's handshake ended with, where last are the newest bytes that it read. A client on OpenSSL that does not
// trust the certificate says so in plain text under TLS 1.3 too, having no keys yet; crypto/tls wants it encrypted, and finds a wrong MAC.
func ReadAlert(err error, last [AlertRecordBytes]byte) error {
	const alertRecord, fatal = 21, 2
	if last[0] == alertRecord && last[1] == 3 && last[3] == 0 && last[4] == 2 && last[5] == fatal && strings.Contains(err.Error(), "bad record MAC") {
		return alert(last[6])
	}
	return err
}

// Reason is what redis-server logs for a connection that failed: OpenSSL's words where there are some.
func Reason(err error) string {
	const verifyFailed = "error:0A000086:SSL routines::certificate verify failed"
	var record tls.RecordHeaderError
	var verify *tls.CertificateVerificationError
	var unknown x509.UnknownAuthorityError
	var invalid x509.CertificateInvalidError
	var remote *net.OpError
	var plain alert
	switch {
	case errors.As(err, &plain):
		if name, ok := alertNames[uint64(plain)]; ok {
			return alertText(uint64(plain), name)
		}
	case errors.As(err, &record):
		switch head := string(record.RecordHeader[:]); {
		case strings.HasPrefix(head, "GET "), strings.HasPrefix(head, "POST "), strings.HasPrefix(head, "HEAD "), strings.HasPrefix(head, "PUT "):
			return "error:0A00009C:SSL routines::http request"
		}
		return "error:0A00010B:SSL routines::wrong version number"
	case errors.As(err, &verify), errors.As(err, &unknown), errors.As(err, &invalid):
		return verifyFailed
	case errors.As(err, &remote) && remote.Op == "remote error":
		if v := reflect.ValueOf(remote.Err); v.Kind() == reflect.Uint8 {
			if name, ok := alertNames[v.Uint()]; ok {
				return alertText(v.Uint(), name)
			}
		}
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "error:0A000126:SSL routines::unexpected eof while reading"
	case errors.Is(err, errVersion):
		return "error:0A000102:SSL routines::unsupported protocol"
	case errors.Is(err, errCipher):
		return "error:0A0000C1:SSL routines::no shared cipher"
	}
	text := err.Error()
	for _, r := range reasons {
		if strings.Contains(text, r.part) {
			return "error:" + r.text
		}
	}
	return text
}

func alertText(number uint64, name string) string {
	return fmt.Sprintf("error:0A%06X:SSL routines::%s", 1000+number, name)
}
