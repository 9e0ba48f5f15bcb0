namespace Lean.Engine.Caches;

/// <summary>Some of the numbers 0 … n − 1 in an order that each can leave at any place.</summary>
internal sealed class LinkedOrder
{
    private const int Absent = -1;

    // The last entry is the head: its successor is the first number, its predecessor the last.
    private readonly int[] _next;
    private readonly int[] _previous;

    public LinkedOrder(int count)
    {
        (_next, _previous) = (new int[count + 1], new int[count + 1]);
        _next.AsSpan().Fill(Absent);
        _next[count] = _previous[count] = count;
    }

    /// <summary>How many numbers are in it.</summary>
    public int Count { get; private set; }

    /// <summary>The first; there must be one.</summary>
    public int First => Count > 0 ? _next[^1] : throw new InvalidOperationException("the order is empty");

    /// <summary>Whether a number is in it.</summary>
    public bool Contains(int number) => _next[number] != Absent;

    /// <summary>Puts a number last; it must not be in it.</summary>
    public void Add(int number)
    {
        if (Contains(number))
        {
            throw new InvalidOperationException($"{number} is in the order already");
        }

        int head = _next.Length - 1, last = _previous[head];
        (_next[last], _previous[number], _next[number], _previous[head]) = (number, last, head, number);
        Count++;
    }

    /// <summary>Removes a number that is in it.</summary>
    public void Remove(int number)
    {
        if (!Contains(number))
        {
            throw new InvalidOperationException($"{number} is not in the order");
        }

        (int next, int previous) = (_next[number], _previous[number]);
        (_next[previous], _previous[next], _next[number]) = (next, previous, Absent);
        Count--;
    }
}
