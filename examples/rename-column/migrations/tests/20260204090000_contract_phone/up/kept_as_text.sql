SELECT issue FROM customer_issues WHERE customer_id = 20003 AND issue LIKE 'was: %'
