# The API server takes a metric's selector as it is. One that the controller cannot use fails the metric before anything
# is asked.
kubernetes 1.37

hpa web: 1 to 10 replicas of Deployment/web
  pods metric requests_per_second{tier in ()} average value 10

pods: 3 ready
requests_per_second is 30 on each pod

at 0s
  -> cannot decide
  -> metric calls 0
  -> condition ScalingActive False FailedGetPodsMetric
  -> event Warning FailedGetPodsMetric
  -> event Warning FailedComputeMetricsReplicas
