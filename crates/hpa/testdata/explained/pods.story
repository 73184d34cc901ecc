# Pods that do not simply count: without a value, not ready, failed, gone.
kubernetes 1.37

hpa web: 1 to 40 replicas of Deployment/web
  resource cpu utilization 50%
  resource memory average value 100Mi

template
  container app requests cpu 100m, memory 64Mi
pods: 4 ready, 1 unready since 20s ago started 30s ago, 1 pending, 1 failed, 1 ready deleting, 8 ready
replicas 14
resource cpu is 90m on web-1 to web-4, 20m on web-5
resource memory is 64Mi on web-1 to web-5, 80Mi on web-9 to web-16, 1Gi on gone web-99

at 0s
  -> scales 14 to 20
at 15s
  resource cpu is 10m on web-1 to web-5
  pod web-9: ready
    container app requests cpu 200m, memory 64Mi
  -> stays at 20
