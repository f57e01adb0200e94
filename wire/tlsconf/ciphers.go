package tlsconf

import (
	"crypto/tls"
	"fmt"
	"slices"
	"strings"
)

// cipherInfo is a cipher of TLS 1.2 or older that crypto/tls has, with OpenSSL's name and the groups that OpenSSL counts it to.
type cipherInfo struct {
	id     uint16
	name   string
	groups string // separated by spaces
}

// cipherTable stands in the order of OpenSSL's DEFAULT. RC4 and 3DES are left out, as they are of the libraries that distributions build.
var cipherTable = []cipherInfo{
	{tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, "ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE ECDSA AES AES256 AESGCM TLSv1.2"},
	{tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, "ECDHE-RSA-AES256-GCM-SHA384", "ECDHE aRSA AES AES256 AESGCM TLSv1.2"},
	{tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, "ECDHE-ECDSA-CHACHA20-POLY1305", "ECDHE ECDSA CHACHA20 TLSv1.2"},
	{tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256, "ECDHE-RSA-CHACHA20-POLY1305", "ECDHE aRSA CHACHA20 TLSv1.2"},
	{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, "ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE ECDSA AES AES128 AESGCM TLSv1.2"},
	{tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, "ECDHE-RSA-AES128-GCM-SHA256", "ECDHE aRSA AES AES128 AESGCM TLSv1.2"},
	{tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256, "ECDHE-ECDSA-AES128-SHA256", "ECDHE ECDSA AES AES128 CBC SHA256 TLSv1.2"},
	{tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256, "ECDHE-RSA-AES128-SHA256", "ECDHE aRSA AES AES128 CBC SHA256 TLSv1.2"},
	{tls.TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA, "ECDHE-ECDSA-AES256-SHA", "ECDHE ECDSA AES AES256 CBC SHA1 TLSv1.0"},
	{tls.TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA, "ECDHE-RSA-AES256-SHA", "ECDHE aRSA AES AES256 CBC SHA1 TLSv1.0"},
	{tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA, "ECDHE-ECDSA-AES128-SHA", "ECDHE ECDSA AES AES128 CBC SHA1 TLSv1.0"},
	{tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA, "ECDHE-RSA-AES128-SHA", "ECDHE aRSA AES AES128 CBC SHA1 TLSv1.0"},
	{tls.TLS_RSA_WITH_AES_256_GCM_SHA384, "AES256-GCM-SHA384", "kRSA aRSA AES AES256 AESGCM TLSv1.2"},
	{tls.TLS_RSA_WITH_AES_128_GCM_SHA256, "AES128-GCM-SHA256", "kRSA aRSA AES AES128 AESGCM TLSv1.2"},
	{tls.TLS_RSA_WITH_AES_128_CBC_SHA256, "AES128-SHA256", "kRSA aRSA AES AES128 CBC SHA256 TLSv1.2"},
	{tls.TLS_RSA_WITH_AES_256_CBC_SHA, "AES256-SHA", "kRSA aRSA AES AES256 CBC SHA1 SSLv3"},
	{tls.TLS_RSA_WITH_AES_128_CBC_SHA, "AES128-SHA", "kRSA aRSA AES AES128 CBC SHA1 SSLv3"},
}

// sameGroup are OpenSSL's further names for groups; everything here is of the group HIGH.
var sameGroup = map[string]string{
	"EECDH": "ECDHE", "kEECDH": "ECDHE", "kECDHE": "ECDHE", "ECDH": "ECDHE", "aECDSA": "ECDSA", "RSA": "kRSA", "SHA": "SHA1", "aDSS": "DSS",
}

func (c *cipherInfo) has(group string) bool {
	switch group {
	case "ALL", "HIGH", "DEFAULT", "FIPS", "COMPLEMENTOFALL":
		return group != "COMPLEMENTOFALL"
	}
	if same, ok := sameGroup[group]; ok {
		group = same
	}
	return slices.Contains(strings.Fields(c.groups), group)
}

// matches says whether a word of a cipher list means the cipher: a name of its own or IANA's, a group, or several groups joined by "+".
func (c *cipherInfo) matches(word string) bool {
	if word == c.name || word == tls.CipherSuiteName(c.id) {
		return true
	}
	for part := range strings.SplitSeq(word, "+") {
		if !c.has(part) {
			return false
		}
	}
	return true
}

// parseCiphers reads an OpenSSL cipher list: words that add ciphers in their order, take them away for now (-) or for good (!), or move
// them to the end (+). Words that mean nothing here are passed over, as OpenSSL does; a list that leaves nothing is an error.
func parseCiphers(text string) ([]uint16, error) {
	if text == "" {
		text = "DEFAULT"
	}
	var list []uint16
	banned := map[uint16]bool{}
	for _, word := range strings.FieldsFunc(text, func(r rune) bool { return r == ':' || r == ',' || r == ' ' || r == ';' }) {
		op := byte(0)
		switch word[0] {
		case '-', '!', '+':
			op, word = word[0], word[1:]
		case '@':
			continue // @STRENGTH: DEFAULT's order is by strength; @SECLEVEL: crypto/tls has its own floor
		}
		var moved []uint16
		for i := range cipherTable {
			c := &cipherTable[i]
			if !c.matches(word) || banned[c.id] {
				continue
			}
			at := slices.Index(list, c.id)
			switch {
			case op == 0 && at < 0:
				list = append(list, c.id)
			case op == '!' || op == '-':
				banned[c.id] = op == '!'
				if at >= 0 {
					list = slices.Delete(list, at, at+1)
				}
			case op == '+' && at >= 0:
				list = slices.Delete(list, at, at+1)
				moved = append(moved, c.id)
			}
		}
		list = append(list, moved...)
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("Failed to configure ciphers: %s", text)
	}
	return list, nil
}

var suiteNames = map[string]uint16{
	"TLS_AES_256_GCM_SHA384": tls.TLS_AES_256_GCM_SHA384, "TLS_CHACHA20_POLY1305_SHA256": tls.TLS_CHACHA20_POLY1305_SHA256,
	"TLS_AES_128_GCM_SHA256": tls.TLS_AES_128_GCM_SHA256,
}

// parseSuites reads tls-ciphersuites, TLS 1.3's ciphers. Names that are not known here are passed over, as OpenSSL does; a list that
// leaves nothing is an error.
func parseSuites(text string) ([]uint16, error) {
	if text == "" {
		return []uint16{tls.TLS_AES_256_GCM_SHA384, tls.TLS_CHACHA20_POLY1305_SHA256, tls.TLS_AES_128_GCM_SHA256}, nil
	}
	var list []uint16
	for name := range strings.SplitSeq(text, ":") {
		if id, ok := suiteNames[strings.TrimSpace(name)]; ok {
			list = append(list, id)
		}
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("Failed to configure ciphersuites: %s", text)
	}
	return list, nil
}

var protocolNames = map[string]uint16{
	"tlsv1": tls.VersionTLS10, "tlsv1.1": tls.VersionTLS11, "tlsv1.2": tls.VersionTLS12, "tlsv1.3": tls.VersionTLS13,
}

// parseProtocols reads tls-protocols; the list is never empty.
func parseProtocols(text string) ([]uint16, error) {
	if text == "" {
		return []uint16{tls.VersionTLS12, tls.VersionTLS13}, nil
	}
	var list []uint16
	for name := range strings.SplitSeq(text, " ") {
		v, ok := protocolNames[strings.ToLower(name)]
		if !ok {
			return nil, fmt.Errorf("Invalid tls-protocols specified. Use a combination of 'TLSv1', 'TLSv1.1', 'TLSv1.2' and 'TLSv1.3'.")
		}
		list = append(list, v)
	}
	return list, nil
}
