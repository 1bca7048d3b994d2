"""What Prometheus and Alertmanager are given: rules, routes, templates; and the page that lists the alerts."""
