namespace Lean.Engine.Scheduling;

/// <summary>Some of the scheduler's places, in the order of service.</summary>
internal sealed class RankedPlaces(ScheduledSequence[] all, int capacity)
{
    private readonly int[] _places = new int[capacity];

    /// <summary>How many there are.</summary>
    public int Count { get; private set; }

    /// <summary>The n-th in the order of service.</summary>
    public int this[int n] => _places[n];

    /// <summary>The one served last.</summary>
    public int Last => _places[Count - 1];

    /// <summary>Adds a place.</summary>
    public void Add(int place)
    {
        int at = Find(place);
        _places.AsSpan(at, Count - at).CopyTo(_places.AsSpan(at + 1));
        _places[at] = place;
        Count++;
    }

    /// <summary>Removes a place that is there.</summary>
    public void Remove(int place)
    {
        int at = Find(place);
        if (at == Count || _places[at] != place)
        {
            throw new InvalidOperationException($"place {place} is not in the list");
        }

        _places.AsSpan(at + 1, Count - at - 1).CopyTo(_places.AsSpan(at));
        Count--;
    }

    // The first that does not come before it.
    private int Find(int place)
    {
        int low = 0, high = Count;
        while (low < high)
        {
            int middle = (low + high) / 2;
            (low, high) = all[_places[middle]].IsBefore(all[place]) ? (middle + 1, high) : (low, middle);
        }

        return low;
    }
}
