package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"frankenredis/snapshot"
)

func newVersion() *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Print which build this is and which formats it knows",
		Example: "  frctl version",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := fmt.Fprint(cmd.OutOrStdout(), versionText())
			return err
		},
	}
}

func versionText() string {
	build, revision := "unknown", "unknown"
	if info, ok := debug.ReadBuildInfo(); ok {
		build = info.Main.Version
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				revision = s.Value
			}
		}
	}
	return fmt.Sprintf("frctl %s\nrevision %s\nredis %s\nrdb %d (reads %d to %d)\n%s %s/%s\n", build, revision, snapshot.RedisVersion,
		snapshot.Version, snapshot.MinVersion, snapshot.MaxVersion, runtime.Version(), runtime.GOOS, runtime.GOARCH)
}
