package lua_test

import (
	"testing"

	"frankenredis/wire/script/scripttest"
)

// TestAgainstServer holds the language and its libraries against a server's, whose Lua is not quite the original.
func TestAgainstServer(t *testing.T) { scripttest.Run(t, nil) }
