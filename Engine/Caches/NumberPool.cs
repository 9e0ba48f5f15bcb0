namespace Lean.Engine.Caches;

/// <summary>Hands out the numbers 0 … n − 1 (cache blocks, sequence slots) and takes them back.</summary>
internal sealed class NumberPool
{
    private readonly int[] _free;

    public NumberPool(int count)
    {
        _free = new int[count];
        for (int i = 0; i < count; i++)
        {
            _free[i] = count - 1 - i;
        }

        Free = count;
    }

    /// <summary>Numbers left.</summary>
    public int Free { get; private set; }

    /// <summary>Takes one; the caller has checked that there is one.</summary>
    public int Take() => Free > 0 ? _free[--Free] : throw new InvalidOperationException("the pool is empty");

    /// <summary>Gives one back.</summary>
    public void Return(int number) => _free[Free++] = number; // Too many would leave the array, which throws.
}
