# Somebody who scales to zero pauses autoscaling: no metric is asked for until somebody scales up again.
kubernetes 1.37

hpa worker: 0 to 10 replicas of Deployment/worker
  external metric jobs average value 5

pods: 2 ready

at 0s
  jobs is 10
  -> stays at 2
  -> no condition ScaledToZero
at 15s
  somebody scales to 0
  pods: none
  jobs is 100
  -> stays at 0
  -> desired replicas 0
  -> metric calls 0
  -> condition AbleToScale True SucceededGetScale
  -> condition ScalingActive False ScalingDisabled "scaling is disabled since the replica count of the target is zero"
  -> targets "<unknown>/5 (avg)"
  -> no events
  -> no error

# Twenty are wanted, and a turn may at most reach four.
at 30s
  somebody scales to 1
  pods: 1 ready
  -> jobs proposes 20
  -> scales 1 to 4
  -> condition ScalingActive True ValidMetricFound
  -> condition ScalingLimited True ScaleUpLimit
