package cjson_test

import (
	"testing"

	"frankenredis/wire/script/cjson"
	"frankenredis/wire/script/lua"
	"frankenredis/wire/script/scripttest"
)

func TestAgainstServer(t *testing.T) {
	scripttest.Run(t, map[string]func(*lua.State) *lua.Table{"cjson": cjson.Open})
}
