package main

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"frankenredis/recovery/ledger"
)

func newExplain() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "explain [CODE]",
		Short: "Say what a reason code of the ledger means and what to do",
		Long: `explain takes a reason code, as evidence shows it, or the number of its rule, and says what the rule is, what it defends against, and what
an operator does about a record made under it. Without a code it lists all.`,
		Example: `  frctl explain torn-end
  frctl explain 11`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			w := cmd.OutOrStdout()
			encode := func(r ledger.Rule) error {
				return json.NewEncoder(w).Encode(map[string]any{"rule": r.Number, "reason": r.Reason, "threat": r.Threat, "text": r.Text, "next": advice[r.Reason]})
			}
			if len(args) == 0 {
				for _, r := range ledger.Rules {
					if !asJSON {
						fmt.Fprintf(w, "%3d  %-22s %s\n", r.Number, r.Reason, r.Text)
					} else if err := encode(r); err != nil {
						return err
					}
				}
				return nil
			}
			n, _ := strconv.Atoi(args[0])
			for _, r := range ledger.Rules {
				if r.Number != n && r.Reason != strings.ToLower(args[0]) {
					continue
				}
				if asJSON {
					return encode(r)
				}
				fmt.Fprintf(w, "%s, rule %d\n  %s.\n", r.Reason, r.Number, sentence(r.Text))
				if r.Threat != ledger.NoThreat {
					fmt.Fprintf(w, "  It is part of the defence against: %s.\n", r.Threat)
				}
				fmt.Fprintf(w, "  What to do: %s\n", advice[r.Reason])
				return nil
			}
			return fmt.Errorf("%s is no reason code; frctl explain lists them", args[0])
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object; without a code one for each, a line each")
	return cmd
}

func sentence(text string) string {
	if text == "" {
		return text
	}
	return strings.ToUpper(text[:1]) + text[1:]
}

const (
	nothingToDo  = "nothing. The record is there so that the chain tells the whole story."
	lookAndHeal  = "run frctl check on the folder: it names the damaged bytes. If there is a sidecar, frctl repair brings them back exactly; else take the files from a replica or a backup. Nothing was changed on disk."
	lookAtClient = "find the client by its address in the record. If it is yours, raise the limit that the record names, or mend the client; if not, keep it out."
	lookAtDisk   = "look at the disk: room (df), the kernel's log (dmesg), its health. Nothing acknowledged is lost; the server goes on by itself when it can write."
)

// advice is what an operator does about a record, by reason code.
var advice = map[string]string{
	ledger.TornTail.Reason: nothingToDo, ledger.Opened.Reason: nothingToDo, ledger.SealedSeg.Reason: nothingToDo, ledger.NewSeg.Reason: nothingToDo,
	ledger.Dropped.Reason:    "records came faster than they could be written. The count is kept; look at what happened at that time in the log.",
	ledger.DamagedSeg.Reason: "frctl evidence verify names the lines. They are kept as they are: the rest of the chain still proves itself.",
	ledger.Classified.Reason: nothingToDo, ledger.Changed.Reason: nothingToDo, ledger.Started.Reason: "if it was refused, the records before it say why: frctl evidence show.",
	ledger.TornEnd.Reason:    "nothing. A crash cut the last write short; no reply had been given for it. The cut bytes lie in quarantine.",
	ledger.Unproven.Reason:   "nothing. After a power cut the end could not be proven, and was not acknowledged as durable. The cut bytes lie in quarantine.",
	ledger.SpoiledEnd.Reason: "look at the disk that gave the I/O error. The bytes were written again elsewhere: nothing is lost.",
	ledger.TornMiddle.Reason: lookAndHeal, ledger.Corrupt.Reason: lookAndHeal, ledger.Snapshot.Reason: lookAndHeal, ledger.CoverDamage.Reason: lookAndHeal,
	ledger.Unappliable.Reason:  "the log was written by a newer server, or by a module that is not here. Load it with the server that wrote it, or take a snapshot there.",
	ledger.MissingFile.Reason:  "put the file back: the manifest says that the data set needs it. If it is gone for good, frctl inspect tells what the others hold.",
	ledger.BadManifest.Reason:  "frctl inspect shows the manifest. Put the right one back from a backup; the files it should name are untouched.",
	ledger.NoManifest.Reason:   "the manifest was lost or removed. Put it back; if the folder is meant to be empty, move its files away.",
	ledger.ShortMfst.Reason:    "an older manifest stands there, or somebody edited it. Put the newest one back.",
	ledger.Vanished.Reason:     "find out who removed the log. If the data set is meant to be empty, move the folder away, with what else is in it.",
	ledger.DumpOnly.Reason:     "appendonly was turned on beside a dump, and the log is empty: Redis starts empty then. To load the dump, start with appendonly no and turn it on at run time.",
	ledger.Locked.Reason:       "another server writes this log. Stop it, or give this one a folder of its own.",
	ledger.Identity.Reason:     nothingToDo,
	ledger.Concerned.Reason:    "if the damage is within the budget, frctl repair (or FR.SCRUB REPAIR) brings it back. If it is beyond, the record says what to look for in a replica or a backup; while the server runs, BGSAVE or BGREWRITEAOF writes all of it anew from memory.",
	ledger.ForeignLog.Reason:   "nothing. Another server wrote there; its files were loaded by its rules, and are protected from now on.",
	ledger.Unreadable.Reason:   "look at the disk and at the rights of the file: it is there and could not be read.",
	ledger.StaleHelper.Reason:  "nothing. A file of ours described another state than the one on disk and was not believed.",
	ledger.HalfRepair.Reason:   "nothing. The repair was finished, or the old files stayed in charge.",
	ledger.OldStyle.Reason:     nothingToDo,
	ledger.NoChecksum.Reason:   "save it again with rdbchecksum yes, or start with fr-mode strict if you trust the file.",
	ledger.BehindEnd.Reason:    "find out who appended to the file. frctl repair --cut moves such bytes away.",
	ledger.TooNew.Reason:       "load the file with the server that wrote it; frctl convert brings a snapshot to an older version where that holds all of it.",
	ledger.Repaired.Reason:     "look after the disk that changed the bytes: it will do it again. The damaged ones lie in quarantine.",
	ledger.FileReplaced.Reason: "nothing, if it was you who put the file there; else find out who did.",
	ledger.CoverLost.Reason:    "nothing. The sidecar was made anew from a file that proves itself.",
	ledger.CoverAdrift.Reason:  "look at the disk of the folder heal: room, health. Until the record that the cover is back, the newest bytes of the log survive a crash, but not damage to them as well.",
	ledger.RingMerged.Reason:   nothingToDo, ledger.RingAside.Reason: "nothing. The ring belonged to a log that another server has gone on with; it was set aside.",
	ledger.Unnamed.Reason:   "nothing. A switch or repair that a crash cut short, or that failed, had made the file; the log has everything. It lies in quarantine.",
	ledger.LogFailed.Reason: lookAtDisk, ledger.SaveFailed.Reason: lookAtDisk, ledger.RingFailed.Reason: lookAtDisk, ledger.RingMoved.Reason: lookAtDisk,
	ledger.LogHealed.Reason: nothingToDo, ledger.Switched.Reason: nothingToDo, ledger.Installed.Reason: nothingToDo, ledger.Stopped.Reason: nothingToDo,
	ledger.LogDropped.Reason:  "if this was not meant: CONFIG SET appendonly yes. Until then only snapshots protect what is written.",
	ledger.Replaced.Reason:    nothingToDo,
	ledger.BadSync.Reason:     "nothing at once: the replica keeps its data and asks again. If it comes back, look at the network and at the primary's disk.",
	ledger.NewHistory.Reason:  nothingToDo,
	ledger.EmptySource.Reason: "decide which of the two holds the truth. To take the emptiness over, start the replica with fr-mode strict.",
	ledger.Salvaged.Reason:    "copy out what is needed, then frctl repair the files or restore them from elsewhere, and start without --salvage.",
	ledger.RoomLow.Reason:     "make room on the disk, or raise it: the record says how long the room lasts at the present pace.",
	ledger.RoomUsed.Reason:    "make room on the disk. The reserve comes back by itself once there is enough.",
	ledger.Ahead.Reason:       "the primary lost what the replica has. Decide before the replica follows: promote it if its data is wanted.",
	ledger.Protocol.Reason:    lookAtClient, ledger.QueryLimit.Reason: lookAtClient, ledger.OutputLimit.Reason: lookAtClient, ledger.Arguments.Reason: lookAtClient,
	ledger.LongKey.Reason: lookAtClient, ledger.LongQueue.Reason: lookAtClient, ledger.Pipeline.Reason: lookAtClient, ledger.ClientBytes.Reason: lookAtClient,
	ledger.Rejected.Reason:  "raise maxclients, or find who opens so many connections: redis-cli CLIENT LIST.",
	ledger.WrongPass.Reason: "find the client by its address: an old password, or somebody who guesses. ACL LOG has more.",
}
