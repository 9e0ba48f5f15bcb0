using System.Runtime.InteropServices;
using System.Text;

namespace Lean.Kernels.Tests;

/// <summary>A stand-in for a driver in this process: what Harness/StandIn/report.c offers to tests.</summary>
/// <param name="handle">The library.</param>
internal sealed unsafe class StandInLibrary(nint handle)
{
    /// <summary>A function of the library.</summary>
    internal nint this[string name] => NativeLibrary.GetExport(handle, name);

    /// <summary>Plants a fault until it is disposed.</summary>
    internal IDisposable Fault(string name)
    {
        Give("standin_fault", name);
        return new Planted(this);
    }

    /// <summary>What was wrong so far, a line each.</summary>
    internal string Wrongs()
    {
        var text = new byte[1 << 16];
        fixed (byte* first = text)
        {
            _ = ((delegate* unmanaged<byte*, nuint, nuint>)this["standin_wrongs"])(first, (nuint)text.Length);
        }

        return Encoding.UTF8.GetString(text).TrimEnd('\0');
    }

    /// <summary>Calls a function with a text.</summary>
    internal void Give(string function, string text)
    {
        fixed (byte* first = Encoding.UTF8.GetBytes(text + '\0'))
        {
            ((delegate* unmanaged<byte*, void>)this[function])(first);
        }
    }

    private sealed class Planted(StandInLibrary library) : IDisposable
    {
        public void Dispose() => library.Give("standin_fault", "");
    }
}
