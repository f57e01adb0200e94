package ledger

// Threat is what a decision defends against.
type Threat string

// The threat classes.
const (
	NoThreat    Threat = "none"
	Parser      Threat = "parser abuse"
	Metadata    Threat = "metadata ambiguity"
	VersionSkew Threat = "version skew"
	Exhaustion  Threat = "resource exhaustion"
	Tampering   Threat = "persistence tampering"
	Ordering    Threat = "replication and order attack"
	Auth        Threat = "auth policy confusion"
	Downgrade   Threat = "config downgrade"
)

// Rule is one numbered rule. Numbers never change their meaning: old ledgers name them.
type Rule struct {
	Number int
	Reason string // the reason code of records made under it
	Threat Threat
	Text   string // what it says, in a line
}

// The rules. 1 to 9 are the ledger's own, 10 to 49 the start's, 50 to 69 those of running, 70 and more those of the doors.
var (
	Opened       = Rule{1, "ledger-opened", NoThreat, "a writer took the ledger"}
	SealedSeg    = Rule{2, "segment-sealed", NoThreat, "a full segment is never written again"}
	NewSeg       = Rule{3, "segment-begun", NoThreat, "a segment begins with the digest of the one before"}
	TornTail     = Rule{4, "ledger-torn", Tampering, "what a crash left behind the last whole line is removed and told"}
	Dropped      = Rule{5, "records-dropped", Exhaustion, "entries that found the queue full are counted"}
	DamagedSeg   = Rule{6, "ledger-damaged", Tampering, "durable lines that do not verify are kept as they are and told"}
	Classified   = Rule{10, "artifact", NoThreat, "each file is read and classified before anything is done"}
	TornEnd      = Rule{11, "torn-end", Tampering, "the torn end of the last increment is cut, above the watermark only"}
	Unproven     = Rule{12, "unproven-end", Tampering, "what nothing proves after the machine went down is cut like a torn end"}
	SpoiledEnd   = Rule{13, "spoiled-end", Tampering, "bytes that an I/O error spoiled are cut: the next increment has them"}
	TornMiddle   = Rule{14, "torn-not-last", Tampering, "only the last file may end early"}
	Corrupt      = Rule{15, "corrupt", Tampering, "changed bytes, and durable ones that are gone, are never loaded"}
	Snapshot     = Rule{16, "snapshot-refused", Tampering, "an RDB file that is not whole is never loaded"}
	Unappliable  = Rule{17, "command-refused", VersionSkew, "a log with a command that cannot be run is not loaded in part"}
	MissingFile  = Rule{18, "missing", Tampering, "a file that the manifest names must be there"}
	BadManifest  = Rule{19, "manifest-refused", Metadata, "a manifest that cannot be read, or leads out of its folder, is not followed"}
	NoManifest   = Rule{20, "no-manifest", Metadata, "files of a log without a manifest are not started empty over"}
	ShortMfst    = Rule{21, "manifest-too-short", Metadata, "a manifest that does not name a file with data is not followed"}
	Vanished     = Rule{22, "log-vanished", Tampering, "a durable log that is gone is not started empty over"}
	DumpOnly     = Rule{23, "dump-without-log", Metadata, "a dump beside an empty log is set aside before a save overwrites it"}
	Locked       = Rule{24, "locked", Metadata, "one process at a time writes a log"}
	Identity     = Rule{25, "identity", Ordering, "only a clean stop keeps the replication id; every start is a new epoch"}
	ForeignLog   = Rule{26, "foreign", VersionSkew, "what another server wrote is loaded by Redis's rules, if it verifies"}
	Unreadable   = Rule{27, "unreadable", Tampering, "what the disk does not give is not taken for empty"}
	Changed      = Rule{28, "changed-on-disk", NoThreat, "each change on disk at start is recorded"}
	Started      = Rule{29, "started", NoThreat, "how a start ended"}
	StaleHelper  = Rule{30, "stale", Metadata, "a companion, epoch or watermark that cannot be read or belongs to another manifest is not believed"}
	HalfRepair   = Rule{31, "half-done-repair", NoThreat, "a repair that was cut short counts when only it has everything"}
	OldStyle     = Rule{32, "old-style", VersionSkew, "a file of an old server becomes the base of a log"}
	NoChecksum   = Rule{33, "no-checksum", Downgrade, "hardened: a snapshot that carries no checksum proves nothing and is not loaded"}
	BehindEnd    = Rule{34, "behind-the-end", Metadata, "hardened: bytes behind a snapshot's end belong to nothing that was written"}
	TooNew       = Rule{35, "snapshot-version", VersionSkew, "an RDB file of a version or a module that is not known here is never loaded"}
	CoverDamage  = Rule{36, "damaged", Tampering, "what differs from its sidecar is mended or refused, never loaded"}
	Repaired     = Rule{37, "repaired", Tampering, "a repair's result has the recorded digest, or nothing is changed"}
	FileReplaced = Rule{38, "file-replaced", Metadata, "a file that proves itself and is not the covered one was put there by somebody: it is covered anew, never changed back"}
	CoverLost    = Rule{39, "cover-lost", Tampering, "a sidecar that is damaged or missing is made anew from a file that verifies"}
	Salvaged     = Rule{40, "salvaged", Tampering, "asked to, the start serves what can be proven of a damaged log, read-only, and changes nothing"}
	RingMerged   = Rule{41, "ring-merged", NoThreat, "what the commit ring has and the last increment lacks is loaded and appended to it"}
	RingAside    = Rule{42, "ring-aside", VersionSkew, "a commit ring whose log another server went on with is not followed"}
	Unnamed      = Rule{43, "unnamed-increment", NoThreat, "an increment above the manifest's last is of an attempt that never came into force: it is set aside"}
	Concerned    = Rule{44, "damage-named", Tampering, "what damaged bytes hold is named: positions of the stream and keys"}
	LogFailed    = Rule{50, "log-failing", Tampering, "after a failed write or sync nothing more is acknowledged"}
	LogHealed    = Rule{51, "log-healed", NoThreat, "after an I/O error the log goes on in a new increment"}
	Switched     = Rule{52, "increment-switched", NoThreat, "an increment is sealed and the next one begins"}
	Installed    = Rule{53, "base-installed", NoThreat, "a new base takes the place of older files"}
	SaveFailed   = Rule{54, "save-failed", Tampering, "a failed save leaves the old file in charge"}
	Stopped      = Rule{55, "stopped", NoThreat, "how a run ended"}
	LogDropped   = Rule{56, "log-dropped", Downgrade, "appendonly was turned off"}
	RingFailed   = Rule{57, "ring-failed", Tampering, "a commit ring is given up after an I/O error: commits go to another, or to the increment"}
	RingMoved    = Rule{58, "ring-moved", Exhaustion, "the device of a commit ring stands still: commits go to another ring"}
	CoverAdrift  = Rule{59, "cover-adrift", Exhaustion, "replies and the commit ring do not wait for a cover that cannot be written, or does not keep up"}
	Replaced     = Rule{60, "data-replaced", Ordering, "a whole snapshot from the primary takes the place of the data set"}
	BadSync      = Rule{61, "sync-refused", Tampering, "a snapshot from the primary that is not whole replaces nothing"}
	NewHistory   = Rule{62, "new-history", Ordering, "a promoted replica begins a new history whose past is its primary's"}
	EmptySource  = Rule{63, "empty-source", Ordering, "hardened: a primary that has lost everything does not empty its replica"}
	Ahead        = Rule{64, "replica-ahead", Ordering, "what a replica has and this server does not have any more is told before the replica loses it; hardened: it keeps it"}
	RoomLow      = Rule{66, "disk-low", Exhaustion, "a warning comes before the disk is full"}
	RoomUsed     = Rule{67, "reserve-used", Exhaustion, "on a full disk the reserve is given up for a rewrite, which makes the log short"}
	Protocol     = Rule{70, "protocol-error", Parser, "malformed input ends its connection"}
	QueryLimit   = Rule{71, "query-limit", Exhaustion, "a client's input is bounded"}
	OutputLimit  = Rule{72, "output-limit", Exhaustion, "a client's unread output is bounded"}
	Rejected     = Rule{73, "connection-rejected", Exhaustion, "the number of clients is bounded"}
	WrongPass    = Rule{74, "wrong-password", Auth, "failed authentications are counted"}
	Arguments    = Rule{75, "too-many-arguments", Parser, "hardened: the number of arguments is bounded"}
	LongKey      = Rule{76, "key-too-long", Exhaustion, "hardened: the length of a key is bounded"}
	LongQueue    = Rule{77, "transaction-too-long", Exhaustion, "hardened: the commands of a transaction are bounded"}
	Pipeline     = Rule{78, "pipeline-too-long", Exhaustion, "hardened: commands whose replies are not taken are bounded"}
	ClientBytes  = Rule{79, "client-too-large", Exhaustion, "hardened: what a client's buffers take is bounded"}
)

// Rules are all of them, by number.
var Rules = []Rule{Opened, SealedSeg, NewSeg, TornTail, Dropped, DamagedSeg, Classified, TornEnd, Unproven, SpoiledEnd, TornMiddle, Corrupt,
	Snapshot, Unappliable, MissingFile, BadManifest, NoManifest, ShortMfst, Vanished, DumpOnly, Locked, Identity, ForeignLog, Unreadable,
	Changed, Started, StaleHelper, HalfRepair, OldStyle, NoChecksum, BehindEnd, TooNew, CoverDamage, Repaired, FileReplaced, CoverLost, Salvaged, RingMerged, RingAside, Unnamed, Concerned, LogFailed, LogHealed, Switched, Installed, SaveFailed, Stopped, LogDropped, RingFailed, RingMoved, CoverAdrift, Replaced, BadSync, NewHistory, EmptySource, Ahead, RoomLow, RoomUsed, Protocol, QueryLimit,
	OutputLimit, Rejected, WrongPass, Arguments, LongKey, LongQueue, Pipeline, ClientBytes}

// Decision is what was done about it.
type Decision string

// The decisions.
const (
	Accept     Decision = "accept"
	Refuse     Decision = "refuse" // fail closed
	Cut        Decision = "cut"
	Quarantine Decision = "quarantine"
	SetAside   Decision = "set aside"
	Keep       Decision = "keep"
	New        Decision = "new"
	Change     Decision = "change" // a file written, moved or removed
	Bound      Decision = "bound"  // bounded defence
	Note       Decision = "note"   // nothing was to be decided
)
