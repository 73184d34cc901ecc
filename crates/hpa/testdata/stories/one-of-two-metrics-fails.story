# When one of two metrics fails, the other may still add pods and keep them; it may not remove any.
kubernetes 1.37

hpa web: 1 to 10 replicas of Deployment/web
  resource cpu utilization 50%
  external metric queue average value 10

template
  container app requests cpu 100m
pods: 4 ready

# Both speak, the higher one is taken.
at 0s
  cpu is 50m on each pod
  queue is 40
  -> stays at 4
  -> metric calls 2

at 15s
  cpu fails "the server is currently unable to handle the request"
  queue is 60
  -> queue proposes 6
  -> scales 4 to 6: "external metric queue(nil) above target"
  -> event Warning FailedGetResourceMetric
  -> event Normal SuccessfulRescale "New size: 6; reason: external metric queue(nil) above target"
  -> condition ScalingActive True ValidMetricFound "the HPA was able to successfully calculate a replica count from external metric queue(nil)"
  -> cpu shows nothing
  -> targets "cpu: <unknown>/50%, 15/10 (avg)"
  -> error "invalid metrics (1 invalid out of 2), first error is: failed to get cpu resource metric value: failed to get cpu utilization: unable to get metrics for resource cpu: the server is currently unable to handle the request"

# As many as there are: that holds.
at 30s
  pods: 6 ready
  -> stays at 6
  -> condition ScalingActive True ValidMetricFound

# Fewer: blocked, although no window would hold them for ten minutes.
at 10m
  queue is 20
  -> queue proposes 2
  -> cannot decide
  -> condition ScalingActive False FailedGetResourceMetric
  -> event Warning FailedComputeMetricsReplicas
at 10m15s
  cpu is 10m on each pod
  -> cpu proposes 2
  -> scales 6 to 2
