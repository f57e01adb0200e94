package structs_test

import (
	"testing"

	"frankenredis/wire/script/lua"
	"frankenredis/wire/script/scripttest"
	"frankenredis/wire/script/structs"
)

func TestAgainstServer(t *testing.T) {
	scripttest.Run(t, map[string]func(*lua.State) *lua.Table{"struct": structs.Open})
}
