package recovery

import (
	"errors"
	"fmt"
	"syscall"
)

// The lines that Redis logs and other programs look for. Those with a verb take the file's name.
const (
	msgBadFormat = "Bad file format reading the append only file %s: make a backup of your AOF file, " +
		"then use ./redis-check-aof --fix <filename.manifest>"
	msgUnexpectedEnd = "Unexpected end of file reading the append only file %s. You can: 1) Make a backup of your AOF file, " +
		"then use ./redis-check-aof --fix <filename.manifest>. 2) Alternatively you can set the 'aof-load-truncated' " +
		"configuration option to yes and restart the server."
	msgUnknownCommand = "Unknown command '%s' reading the append only file %s"
	msgNotLast        = "Fatal error: the truncated file is not the last file"
	msgRevertMulti    = "Revert incomplete MULTI/EXEC transaction in AOF file %s"
	msgShortRead      = "!!! Warning: short read while loading the AOF file %s!!!"
	msgTruncating     = "!!! Truncating the AOF %s at offset %d !!!"
	msgLoadedAnyway   = "AOF %s loaded anyway because aof-load-truncated is enabled"
	msgTruncateFailed = "Error truncating the AOF file %s: %s"
	msgReadFailed     = "Unrecoverable error reading the append only file %s: %s"
	msgStatFailed     = "Unable to obtain the AOF file %s length. stat: %s"
	msgOpenFailed     = "Fatal error: can't open the append log file %s for reading: %s"

	msgManifestError = "\n*** FATAL AOF MANIFEST FILE ERROR ***"
	msgManifestLine  = "Reading the manifest file, at line %d"
	msgManifestOpen  = "Fatal error: can't open the AOF manifest file %s for reading: %s"
	msgNoDir         = "The AOF directory %s doesn't exist"
	msgNoManifest    = "The AOF manifest file %s doesn't exist"
	msgDirFailed     = "Can't open or create append-only dir %s: %s"
	msgMigrated      = "Successfully migrated an old-style AOF file (%s) into the AOF directory (%s)."
	msgMoveFailed    = "Error trying to move the old AOF file %s into dir %s: %s"

	msgReadingPreamble = "Reading RDB preamble from AOF file..."
	msgReadingTail     = "Reading the remaining AOF tail..."
	msgReadingBase     = "Reading RDB base file on AOF loading..."
	msgLoadedFile      = "DB loaded from %s file %s: %.3f seconds"
	msgLoadedAOF       = "DB loaded from append only file: %.3f seconds"
	msgLoadedRDB       = "DB loaded from disk: %.3f seconds"

	msgRDBVersion    = "Loading RDB produced by version %s"
	msgRDBAge        = "RDB age %d seconds"
	msgRDBMemory     = "RDB memory usage when created %.2f Mb"
	msgRDBBase       = "RDB is base AOF"
	msgRDBNoChecksum = "RDB file was saved with checksum disabled: no check performed."
	msgRDBDone       = "Done loading RDB, keys loaded: %d, keys expired: %d."
	msgRDBSignature  = "Wrong signature trying to load DB from file"
	msgRDBFormat     = "Can't handle RDB format version %d"
	msgRDBShort      = "Short read or OOM loading DB. Unrecoverable error, aborting now."
	msgRDBInternal   = "Internal error in RDB reading offset %d -> %s"
	msgRDBChecksum   = "Wrong RDB checksum expected: (%x) but got (%x). Aborting now."
	msgRDBAborted    = "Error reading the RDB %s of the AOF file %s, AOF loading aborted"
	msgRDBDatabases  = "FATAL: Data file was created with a Redis server configured to handle more than %d databases. Exiting"
	msgRDBModule     = "The RDB file contains AUX module data I can't load: no matching module '%s'"
	msgRDBTerminate  = "Terminating server after rdb file reading failure."
	msgRDBOpen       = "Fatal error: can't open the RDB file %s for reading: %s"
	msgRDBFatal      = "Fatal error loading the DB, check server logs. Exiting."
)

// Reason words an error as C's strerror does.
func Reason(err error) string { return reason(err) }

func reason(err error) string {
	var errno syscall.Errno
	if errors.As(err, &errno) {
		if s := errno.Error(); s != "" && s[0] >= 'a' && s[0] <= 'z' {
			return string(s[0]-'a'+'A') + s[1:]
		}
		return errno.Error()
	}
	return err.Error()
}

func (b *boot) info(format string, args ...any) { b.o.Logger.Info(fmt.Sprintf(format, args...)) }
func (b *boot) warn(format string, args ...any) { b.o.Logger.Warn(fmt.Sprintf(format, args...)) }

// refuse logs the last line and makes it the reason.
func (b *boot) refuse(err error, format string, args ...any) error {
	r := &Refusal{Reason: fmt.Sprintf(format, args...), Err: err, Evidence: b.ev}
	b.o.Logger.Warn(r.Reason)
	return r
}
