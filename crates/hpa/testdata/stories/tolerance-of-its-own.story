# An HPA may have tolerances of its own, one for each direction; before 1.35 only with the feature gate. They come with
# the rules of `behavior`.
kubernetes 1.34
gate HPAConfigurableTolerance on
flag --horizontal-pod-autoscaler-tolerance=0.3

hpa web: 1 to 10 replicas of Deployment/web
  pods metric http_requests{path=checkout} average value 100
  scale up: tolerance 0.02
  scale down: window 0s

pods: 4 ready

at 0s
  http_requests is 102 on each pod
  -> stays at 4
at 15s
  http_requests is 103 on each pod
  -> scales 4 to 5: "pods metric http_requests above target"
# Downwards that of the controller holds.
at 30s
  pods: 5 ready
  http_requests is 70 on each pod
  -> stays at 5
at 45s
  http_requests is 69 on each pod
  -> scales 5 to 4
