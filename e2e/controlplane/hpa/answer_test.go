package hpa

import (
	"bufio"
	"context"
	"encoding/json"
	"os"
	"reflect"
	"testing"
	"testing/synctest"
	"time"

	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/klog/v2"
	"k8s.io/kubernetes/pkg/controller/podautoscaler"
)

// TestAnswer reads sequences from stdin, one JSON object a line, and answers each with a line on stdout: the turns
// that the real controller made of it, with the sequence's id.
func TestAnswer(t *testing.T) {
	klog.SetLogger(klog.NewKlogr().WithSink(nil))
	klog.LogToStderr(false)
	// One of them sleeps when the last error was less than a millisecond ago, and remembers it across clocks.
	utilruntime.ErrorHandlers = nil
	trackerType := selectorTrackerType()
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(make([]byte, 0, 1<<20), 1<<26)
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	for in.Scan() {
		var given sequence
		if err := json.Unmarshal(in.Bytes(), &given); err != nil {
			t.Fatalf("a sequence that cannot be read: %v", err)
		}
		var turns []turn
		synctest.Test(t, func(*testing.T) { turns = run(&given, trackerType) })
		must(encoder.Encode(map[string]any{"id": given.ID, "turns": turns}))
		must(out.Flush())
	}
	if err := in.Err(); err != nil {
		t.Fatal(err)
	}
}

// selectorTrackerType is the unexported type that the controller chooses for its selector store.
func selectorTrackerType() reflect.Type {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	client := fake.NewSimpleClientset()
	factory := informers.NewSharedInformerFactory(client, 0)
	controller := podautoscaler.NewHorizontalController(ctx, client.CoreV1(), nil, client.AutoscalingV2(), nil, nil,
		factory.Autoscaling().V2().HorizontalPodAutoscalers(), factory.Core().V1().Pods(),
		time.Minute, time.Minute, 0.1, time.Minute, time.Minute)
	return field(reflect.ValueOf(controller).Elem(), "selectorTracker").Elem().Type()
}
