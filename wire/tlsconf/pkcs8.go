package tlsconf

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/des"
	"crypto/pbkdf2"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/asn1"
	"errors"
	"hash"
)

// errUnsupported: the key is encrypted in a way that is not read here (scrypt, or something from before PKCS #5 version 2).
var errUnsupported = errors.New("tlsconf: unsupported encryption of a key")

var errPassphrase = errors.New("tlsconf: wrong passphrase")

// The object identifiers of RFC 8018, and those of the ciphers and hashes that OpenSSL writes.
var (
	oidPBES2  = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 13}
	oidPBKDF2 = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 12}

	keyHashes = map[string]func() hash.Hash{
		"1.2.840.113549.2.7": sha1.New, "1.2.840.113549.2.8": sha256.New224, "1.2.840.113549.2.9": sha256.New,
		"1.2.840.113549.2.10": sha512.New384, "1.2.840.113549.2.11": sha512.New,
	}
	keyCiphers = map[string]struct {
		keyBytes int
		make     func([]byte) (cipher.Block, error)
	}{
		"2.16.840.1.101.3.4.1.2": {16, aes.NewCipher}, "2.16.840.1.101.3.4.1.22": {24, aes.NewCipher},
		"2.16.840.1.101.3.4.1.42": {32, aes.NewCipher}, "1.2.840.113549.3.7": {24, des.NewTripleDESCipher},
	}
)

type algorithm struct {
	ID     asn1.ObjectIdentifier
	Params asn1.RawValue `asn1:"optional"`
}

// mostIterations bounds the work that a file may ask for. OpenSSL writes 2048 by default.
const mostIterations = 100_000_000

// decryptPKCS8 decrypts an EncryptedPrivateKeyInfo of PBES2 with PBKDF2 and a cipher in CBC mode.
func decryptPKCS8(der, pass []byte) ([]byte, error) {
	var info struct {
		Algorithm algorithm
		Data      []byte
	}
	var scheme struct{ Derive, Encrypt algorithm }
	var derive struct {
		Salt       []byte
		Iterations int
		KeyLength  int       `asn1:"optional"`
		Hash       algorithm `asn1:"optional"`
	}
	if _, err := asn1.Unmarshal(der, &info); err != nil || !info.Algorithm.ID.Equal(oidPBES2) {
		return nil, errUnsupported
	}
	if _, err := asn1.Unmarshal(info.Algorithm.Params.FullBytes, &scheme); err != nil || !scheme.Derive.ID.Equal(oidPBKDF2) {
		return nil, errUnsupported
	}
	if _, err := asn1.Unmarshal(scheme.Derive.Params.FullBytes, &derive); err != nil {
		return nil, errUnsupported
	}
	newHash := sha1.New // the standard's default
	if derive.Hash.ID != nil {
		newHash = keyHashes[derive.Hash.ID.String()]
	}
	c, known := keyCiphers[scheme.Encrypt.ID.String()]
	var iv []byte
	if _, err := asn1.Unmarshal(scheme.Encrypt.Params.FullBytes, &iv); err != nil || !known || newHash == nil ||
		derive.Iterations < 1 || derive.Iterations > mostIterations {
		return nil, errUnsupported
	}
	key, err := pbkdf2.Key(newHash, string(pass), derive.Salt, derive.Iterations, c.keyBytes)
	if err != nil {
		return nil, errUnsupported
	}
	block, err := c.make(key)
	if err != nil || len(iv) != block.BlockSize() || len(info.Data) == 0 || len(info.Data)%block.BlockSize() != 0 {
		return nil, errUnsupported
	}
	plain := make([]byte, len(info.Data))
	cipher.NewCBCDecrypter(block, iv).CryptBlocks(plain, info.Data)
	pad := int(plain[len(plain)-1])
	if pad < 1 || pad > block.BlockSize() {
		return nil, errPassphrase
	}
	for _, b := range plain[len(plain)-pad:] {
		if int(b) != pad {
			return nil, errPassphrase
		}
	}
	plain = plain[:len(plain)-pad]
	var whole asn1.RawValue
	if rest, err := asn1.Unmarshal(plain, &whole); err != nil || len(rest) > 0 {
		return nil, errPassphrase
	}
	return plain, nil
}
