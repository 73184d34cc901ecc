package hpa

import (
	"context"
	"reflect"
	"regexp"
	"strings"
	"time"
	"unsafe"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	utilfeature "k8s.io/apiserver/pkg/util/feature"
	"k8s.io/client-go/tools/record"
	"k8s.io/kubernetes/pkg/controller/podautoscaler"
	"k8s.io/kubernetes/pkg/controller/podautoscaler/monitor"
	consistencyutil "k8s.io/kubernetes/pkg/controller/util/consistency"
	"k8s.io/kubernetes/pkg/controller/util/selectors"
)

const (
	namespace = "ns"
	name      = "h"
	key       = namespace + "/" + name
)

var _ record.EventRecorder = (*world)(nil)

// field is an unexported field of the controller.
func field(of reflect.Value, name string) reflect.Value {
	found := of.FieldByName(name)
	return reflect.NewAt(found.Type(), unsafe.Pointer(found.UnsafeAddr())).Elem()
}

func optional(value *float64, otherwise float64) float64 {
	if value == nil {
		return otherwise
	}
	return *value
}

// newController makes a controller without informers, queue or goroutines. trackerType is the type of its selector store.
func newController(given *sequence, w *world, trackerType reflect.Type) *podautoscaler.HorizontalController {
	controller := &podautoscaler.HorizontalController{}
	value := reflect.ValueOf(controller).Elem()
	set := func(name string, to any) { field(value, name).Set(reflect.ValueOf(to)) }
	set("scaleNamespacer", scales{w})
	set("hpaNamespacer", hpas{w: w})
	set("mapper", mapper{w: w})
	set("eventRecorder", w)
	set("tolerance", optional(given.Params.Tolerance, 0.1))
	set("downscaleStabilisationWindow", seconds(optional(given.Params.Downscale, 300)))
	set("monitor", monitor.New())
	set("podLister", pods{w})
	set("consistencyStore", consistencyutil.NewNoopConsistencyStore())
	set("replicaCalc", podautoscaler.NewReplicaCalculator(w, pods{w},
		seconds(optional(given.Params.CPUInit, 300)), seconds(optional(given.Params.ReadyDelay, 30))))
	tracker := reflect.New(trackerType.Elem())
	namespaces := field(tracker.Elem(), "namespaces")
	namespaces.Set(reflect.MakeMap(namespaces.Type()))
	field(value, "selectorTracker").Set(tracker)
	put := func(name string, selector labels.Selector) {
		key := selectors.Key{Name: name, Namespace: namespace}
		tracker.MethodByName("PutIfAbsent").Call([]reflect.Value{
			reflect.ValueOf(namespace), reflect.ValueOf(key), reflect.ValueOf(&selector).Elem(),
		})
	}
	put(name, labels.Nothing())
	for _, other := range given.OtherHPAs {
		selector, err := labels.Parse(other.Selector)
		must(err)
		put(other.Name, selector)
	}
	forget(controller)
	return controller
}

// forget empties the controller's memory, as a restart does.
func forget(controller *podautoscaler.HorizontalController) {
	value := reflect.ValueOf(controller).Elem()
	for _, name := range []string{"recommendations", "scaleUpEvents", "scaleDownEvents"} {
		memory := field(value, name)
		memory.Set(reflect.MakeMap(memory.Type()))
	}
}

// entries of the controller's memory of this HPA.
func entries(controller *podautoscaler.HorizontalController, name string) reflect.Value {
	list := field(reflect.ValueOf(controller).Elem(), name).MapIndex(reflect.ValueOf(key))
	if !list.IsValid() {
		return reflect.Value{}
	}
	return list
}

func timestamp(entry reflect.Value) *time.Time {
	return (*time.Time)(unsafe.Pointer(entry.FieldByName("timestamp").UnsafeAddr()))
}

type recommendation struct {
	Replicas int64   `json:"replicas"`
	T        float64 `json:"t"`
}

type scaleEvent struct {
	Change   int64   `json:"change"`
	T        float64 `json:"t"`
	Outdated bool    `json:"outdated,omitempty"`
}

type history struct {
	Recommendations []recommendation `json:"recommendations,omitempty"`
	ScaleUpEvents   []scaleEvent     `json:"scaleUpEvents,omitempty"`
	ScaleDownEvents []scaleEvent     `json:"scaleDownEvents,omitempty"`
}

type writtenStatus struct {
	CurrentReplicas    int32                        `json:"currentReplicas"`
	DesiredReplicas    int32                        `json:"desiredReplicas"`
	ObservedGeneration *int64                       `json:"observedGeneration,omitempty"`
	LastScaleT         *float64                     `json:"lastScaleT,omitempty"`
	Conditions         []condition                  `json:"conditions,omitempty"`
	CurrentMetrics     []autoscalingv2.MetricStatus `json:"currentMetrics,omitempty"`
}

type turn struct {
	ScaleUpdatedTo    *int32         `json:"scaleUpdatedTo,omitempty"`
	ScaleUpdateError  string         `json:"scaleUpdateError,omitempty"`
	ScalePuts         int            `json:"scalePuts,omitempty"`
	MetricCalls       int            `json:"metricCalls,omitempty"`
	Events            []event        `json:"events,omitempty"`
	Status            *writtenStatus `json:"status,omitempty"`
	StatusWriteFailed bool           `json:"statusWriteFailed,omitempty"`
	History           *history       `json:"history,omitempty"`
	Error             string         `json:"error,omitempty"`
}

var rivals = regexp.MustCompile(`\(e\.g\. \[([^ ]+) ([^ \]]+)\]\)`)

// sorted puts the two names of a text on rival HPAs, which come in random order, in order.
func sorted(text string) string {
	return rivals.ReplaceAllStringFunc(text, func(found string) string {
		names := rivals.FindStringSubmatch(found)
		if names[1] > names[2] {
			names[1], names[2] = names[2], names[1]
		}
		return "(e.g. [" + names[1] + " " + names[2] + "])"
	})
}

// run plays a sequence. It must be called inside of a synctest bubble, whose clock it advances.
func run(given *sequence, trackerType reflect.Type) []turn {
	gates := map[string]bool{"HPAScaleToZero": true, "HPAGeneration": true, "PodLevelResources": true}
	for gate, enabled := range given.Profile.Gates {
		gates[gate] = enabled
	}
	// These are refused where the gate that they depend on is off.
	for _, dependent := range []string{
		"InPlacePodLevelResourcesVerticalScaling", "PodLevelResourcesFixDefaulting", "PodLevelResourcesFixKubeletQOSClass",
	} {
		gates[dependent] = gates["PodLevelResources"]
	}
	must(utilfeature.DefaultMutableFeatureGate.SetFromMap(gates))
	// The first turn begins a millisecond before its instant.
	start := time.Now().Add(time.Second)
	w := &world{start: start}
	controller := newController(given, w, trackerType)
	w.hpa = &autoscalingv2.HorizontalPodAutoscaler{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: namespace, Generation: given.HPA.Generation},
		Spec:       given.HPA.Spec,
	}
	if before := given.HPA.Status; before != nil {
		w.hpa.Status = restore(before, start)
	}
	now := start
	var turns []turn
	for at := range given.Steps {
		step := &given.Steps[at]
		now = now.Add(seconds(step.AdvanceSeconds))
		turns = append(turns, w.turn(given, controller, step, now))
	}
	return turns
}

func restore(before *status, start time.Time) autoscalingv2.HorizontalPodAutoscalerStatus {
	made := autoscalingv2.HorizontalPodAutoscalerStatus{
		CurrentReplicas: before.CurrentReplicas, DesiredReplicas: before.DesiredReplicas,
		ObservedGeneration: before.ObservedGeneration,
	}
	if before.LastScaleT != nil {
		last := metav1.NewTime(start.Add(seconds(*before.LastScaleT)))
		made.LastScaleTime = &last
	}
	for _, each := range before.Conditions {
		condition := autoscalingv2.HorizontalPodAutoscalerCondition{
			Type:   autoscalingv2.HorizontalPodAutoscalerConditionType(each.Type),
			Status: corev1.ConditionStatus(each.Status), Reason: each.Reason, Message: each.Message,
		}
		if each.T != nil {
			condition.LastTransitionTime = metav1.NewTime(start.Add(seconds(*each.T)))
		}
		made.Conditions = append(made.Conditions, condition)
	}
	return made
}

func (w *world) turn(given *sequence, controller *podautoscaler.HorizontalController, step *step, now time.Time) turn {
	w.step, w.instant = step, now
	w.cursor, w.metricCalls, w.puts, w.gets = 0, 0, 0, 0
	w.events, w.written, w.writeFailed, w.lastPutError = nil, nil, false, nil
	if step.Restart {
		forget(controller)
	}
	if step.HPA != nil {
		w.hpa.Generation, w.hpa.Spec = step.HPA.Generation, step.HPA.Spec
	}
	if value := step.Scale.SpecReplicas; value != nil {
		w.scale.Spec.Replicas = *value
	}
	if value := step.Scale.StatusReplicas; value != nil {
		w.scale.Status.Replicas = *value
	}
	if value := step.Scale.Selector; value != nil {
		w.scale.Status.Selector = *value
	}
	if step.Pods != nil {
		w.pods = nil
		for _, each := range step.Pods {
			w.pods = append(w.pods, pod(each, given.PodTemplate, w.start))
		}
	}
	if step.Metrics != nil {
		w.metrics = step.Metrics
	}
	first := !entries(controller, "recommendations").IsValid()
	begin := now
	if first {
		begin = begin.Add(-time.Millisecond)
	}
	if wait := time.Until(begin); wait > 0 {
		time.Sleep(wait)
	}
	err := reconcileAutoscaler(controller, context.Background(), w.hpa, key)
	w.arrive()
	return w.note(controller, err, first)
}

// note tells what happened; whatever happened within the turn gets its instant.
func (w *world) note(controller *podautoscaler.HorizontalController, err error, first bool) turn {
	var noted turn
	t := func(at time.Time) float64 { return float64(at.Sub(w.start).Milliseconds()) / 1000 }
	if w.puts > 0 {
		size := w.lastSize
		noted.ScaleUpdatedTo = &size
		if w.puts > 1 {
			noted.ScalePuts = w.puts
		}
		if w.lastPutError != nil {
			noted.ScaleUpdateError = w.lastPutError.Error()
		}
	}
	noted.MetricCalls, noted.Events, noted.StatusWriteFailed = w.metricCalls, w.events, w.writeFailed
	if err != nil {
		noted.Error = sorted(err.Error())
	}
	if w.written != nil {
		onTime := func(at *metav1.Time) {
			if at.Time.After(w.instant.Add(-2 * time.Millisecond)) {
				*at = metav1.NewTime(w.instant)
			}
		}
		for at := range w.written.Conditions {
			onTime(&w.written.Conditions[at].LastTransitionTime)
			w.written.Conditions[at].Message = sorted(w.written.Conditions[at].Message)
		}
		if w.written.LastScaleTime != nil {
			onTime(w.written.LastScaleTime)
		}
		if reflect.DeepEqual(stripped(w.hpa.Status), stripped(*w.written)) {
			w.written = nil
		}
	}
	if w.written != nil {
		w.hpa.Status = *w.written
		status := &writtenStatus{
			CurrentReplicas: w.written.CurrentReplicas, DesiredReplicas: w.written.DesiredReplicas,
			ObservedGeneration: w.written.ObservedGeneration, CurrentMetrics: w.written.CurrentMetrics,
		}
		if last := w.written.LastScaleTime; last != nil {
			value := t(last.Time)
			status.LastScaleT = &value
		}
		for _, each := range w.written.Conditions {
			noted := condition{Type: string(each.Type), Status: string(each.Status), Reason: each.Reason, Message: each.Message}
			if !each.LastTransitionTime.IsZero() {
				value := t(each.LastTransitionTime.Time)
				noted.T = &value
			}
			status.Conditions = append(status.Conditions, noted)
		}
		noted.Status = status
	}
	noted.History = w.history(controller, t, first)
	return noted
}

// stripped is what counts when only the order of two names may have changed.
func stripped(status autoscalingv2.HorizontalPodAutoscalerStatus) autoscalingv2.HorizontalPodAutoscalerStatus {
	if !strings.Contains(messages(status), "more than one HPA") {
		status.CurrentReplicas ^= -1 << 31 // never equal to what was compared by the controller
		return autoscalingv2.HorizontalPodAutoscalerStatus{Conditions: []autoscalingv2.HorizontalPodAutoscalerCondition{
			{Message: messages(status), LastTransitionTime: metav1.NewTime(time.Unix(int64(uniqueNumber()), 0))},
		}}
	}
	return status
}

var numbers int

func uniqueNumber() int {
	numbers++
	return numbers
}

func messages(status autoscalingv2.HorizontalPodAutoscalerStatus) string {
	var all strings.Builder
	for _, each := range status.Conditions {
		all.WriteString(each.Message)
	}
	return all.String()
}

func (w *world) history(controller *podautoscaler.HorizontalController, t func(time.Time) float64, first bool) *history {
	var noted history
	onTime := func(entry reflect.Value, initial bool) float64 {
		at := timestamp(entry)
		if !initial && at.After(w.instant.Add(-time.Millisecond)) {
			*at = w.instant
		}
		return t(*at)
	}
	if list := entries(controller, "recommendations"); list.IsValid() {
		for at := range list.Len() {
			entry := list.Index(at)
			initial := first && at == 0 && timestamp(entry).Before(w.instant)
			noted.Recommendations = append(noted.Recommendations,
				recommendation{Replicas: entry.FieldByName("recommendation").Int(), T: onTime(entry, initial)})
		}
	}
	events := func(name string) (noted []scaleEvent) {
		list := entries(controller, name)
		if !list.IsValid() {
			return nil
		}
		for at := range list.Len() {
			entry := list.Index(at)
			noted = append(noted, scaleEvent{
				Change: entry.FieldByName("replicaChange").Int(), T: onTime(entry, false), Outdated: entry.FieldByName("outdated").Bool(),
			})
		}
		return noted
	}
	noted.ScaleUpEvents, noted.ScaleDownEvents = events("scaleUpEvents"), events("scaleDownEvents")
	if noted.Recommendations == nil && noted.ScaleUpEvents == nil && noted.ScaleDownEvents == nil {
		return nil
	}
	return &noted
}
