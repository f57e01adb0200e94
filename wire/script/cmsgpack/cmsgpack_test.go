package cmsgpack_test

import (
	"testing"

	"frankenredis/wire/script/cmsgpack"
	"frankenredis/wire/script/lua"
	"frankenredis/wire/script/scripttest"
)

func TestAgainstServer(t *testing.T) {
	scripttest.Run(t, map[string]func(*lua.State) *lua.Table{"cmsgpack": cmsgpack.Open})
}
