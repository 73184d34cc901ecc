# Without `behavior` a turn at most doubles the size, or reaches four; and a smaller size waits five minutes, the
# controller's own window.
kubernetes 1.37

hpa web: 1 to 20 replicas of Deployment/web
  external metric jobs average value 1

pods: 1 ready

at 0s
  jobs is 20
  -> scales 1 to 4
  -> condition ScalingLimited True ScaleUpLimit "the desired replica count is increasing faster than the maximum scale rate"
at 15s
  pods: 4 ready
  -> scales 4 to 8
at 30s
  pods: 8 ready
  -> scales 8 to 16
at 45s
  pods: 16 ready
  -> scales 16 to 20
  -> condition ScalingLimited False DesiredWithinRange
at 1m
  pods: 20 ready
  jobs is 3
  -> stays at 20
  -> condition AbleToScale True ScaleDownStabilized
# Twenty were last asked for at 45s. Other than with `behavior`, what is exactly as old as the window still counts.
at 5m45s
  -> stays at 20
at 5m45.001s
  -> scales 20 to 3
